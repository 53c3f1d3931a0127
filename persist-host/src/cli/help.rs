//! The texts at the end of the help.

/// What the short help ends with.
pub(crate) const SHORT: &str = "\
A REF is AGENT/SESSION[@INDEX]; without an index it means the newest snapshot.
`persist --help` tells more: exit codes, config, environment.";

/// What the long help ends with.
pub(crate) const LONG: &str = "\
References:
  AGENT/SESSION         a session; as a snapshot, its newest one
  AGENT/SESSION@INDEX   a snapshot; the first has index 0
  AGENT/SESSION@latest  the newest snapshot
  A / or @ or % inside an id is written %2F, %40 or %25.

Exit codes:
  0    done
  1    another failure: bad input or config, a full disk, missing permission, a store that needs another release
  2    the arguments cannot be understood
  3    the snapshot, session or store does not exist
  4    integrity: stored bytes are not what was stored
  5    conflict: somebody else was there first, or the file exists already
  6    a plugin is missing, refused or incompatible
  7    the backend is unavailable; trying again later may help
  8    the outcome is unknown; save again with the reported --write-id
  130  interrupted by Ctrl-C (143: asked to terminate)

Config, the first of:
  --config FILE
  the file that PERSIST_CONFIG names
  ./persist.toml, restricted: no plugins, no endpoints, no ${VAR}
  persist/config.toml in the user's config directory
  built-in: a local store in the user's data directory, compressed with gzip

Environment:
  PERSIST_CONFIG        the config file
  PERSIST_STORE         the store to use
  PERSIST_PLUGIN_PATH   directories to search for plugins, separated as in PATH
  PERSIST_LOG           the log filter, for example debug or persist_host=trace,warn
  PERSIST_REQUEST_ID    the id of the request that the command is part of, for logs, traces and the audit log
  TRACEPARENT           the place in a trace that the command continues (W3C Trace Context)
  OTEL_...              where and how to send traces
  NO_COLOR              if set, no colour";

#[cfg(test)]
mod tests {
    use persist_host::env;

    use super::*;

    #[test]
    fn every_variable_of_persist_is_explained() {
        for (name, _) in env::ALL.iter().filter(|(name, _)| name.starts_with("PERSIST_")) {
            assert!(LONG.contains(name), "{name}");
        }
    }
}
