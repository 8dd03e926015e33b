/** What whoever opens an archive reads first. */
export const NOTE = `# 证据包 · Evidence

由 billing-guard 导出，经 Ed25519 签名。Exported by billing-guard and signed with Ed25519.

核验 · To verify, without the service and without its database:

    billing evidence verify <this file>.tar.gz --public-key <audit public key>.pem

- manifest.json: what this is about, when it was made and for whom, and the SHA-256 of every other file.
- manifest.sig: the signature over manifest.json, byte for byte.
- tables/*.jsonl: the rows of each table about the subject, one JSON object a line. Times are UTC, bytes are hex digits.
  What the database holds sealed (the payer, what WeChat Pay told with the headers it came with) is opened here, beside the
  SHA-256 of the sealed bytes.
- tables/quota_logs.jsonl: the user's quota log from the first row that matters to its end, or, where that is far, to the last
  that does (quota_chain.to_sequence in manifest.json). Each hash follows from the one before; manifest.json says what the first
  one follows on; tables/users.jsonl says where the log ends.
- proof/audit_chain.jsonl: the place of each audit row in the chain of the audit log, with the hash that it follows on.
- proof/audit_anchors.jsonl: the newest signed anchor of the database.
- events.jsonl: the events about the user that had not been cleared away yet.

本包含个人信息，请妥善保管，用毕销毁。This holds personal data: keep it safe, and destroy it when it is no longer needed.
`;
