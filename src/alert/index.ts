/** What every domain may use of alerts. Meaning: README.md. */
export { ALERT_KINDS } from './alert-kinds';
export { countOpenAlerts } from './count-open-alerts.job';
export { findOpenAlerts } from './open-alerts.queries';
export { logOpenedAlerts, raiseAlert, resolveAlert, type Alert, type AlertKey } from './raise-alert';
