// ParameterStatus reports settings, and `set_config` puts any value into some of them.

/** One of few words, or the server's own. */
const closed: ReadonlySet<string> = new Set([
  'server_version', 'server_encoding', 'client_encoding', 'is_superuser', 'session_authorization', 'datestyle', 'intervalstyle', 'integer_datetimes',
  'standard_conforming_strings', 'in_hot_standby', 'default_transaction_read_only',
])
/** `<123-45-6789>5` is a time zone to PostgreSQL: only those of the database of zones count. */
const zones: ReadonlySet<string> = new Set([...Intl.supportedValuesOf('timeZone'), 'UTC', 'Etc/UTC', 'GMT'])

/** Whether the value of this setting can be no one's data. */
export function holdsNoValue(name: string, value: string): boolean {
  const lowerCase = name.toLowerCase()
  return closed.has(lowerCase) || (lowerCase === 'timezone' && zones.has(value))
}
