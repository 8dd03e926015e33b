/**
 * What accounts may do on a whole MariaDB server is a number in mysql.global_priv, beside their passwords. This view shows who has
 * which and no password, as the server's own mysql.user does for some of it. Root makes it (README.md, "In production").
 */
export const SERVER_RIGHTS_VIEW = 'billing_server_rights';

/** Its definer is the account that owns mysql.user, which nobody can connect as. */
export const MAKE_SERVER_RIGHTS_VIEW =
  `CREATE OR REPLACE DEFINER = 'mariadb.sys'@'localhost' SQL SECURITY DEFINER VIEW mysql.${SERVER_RIGHTS_VIEW} AS ` +
  "SELECT User, Host, JSON_VALUE(Priv, '$.access') AS access FROM mysql.global_priv";
