//! What tests need from outside their own process: the built command and plugins, and real servers.
//!
//! `cargo xtask test` builds everything, installs the servers, starts one of each for the whole run and tells
//! the tests through environment variables. A test that is run by itself, with plain `cargo test`, finds
//! the same things beside its own executable and starts a server of its own.
//!
//! | variable | meaning | without it |
//! |---|---|---|
//! | `PERSIST_E2E_BIN` | the `persist` executable | beside the test executable's directory |
//! | `PERSIST_PLUGIN_DIR` | directory of the built plugins | the same directory |
//! | `PERSIST_SEAWEEDFS` | the `weed` executable | below `<target>/servers` |
//! | `PERSIST_PROMETHEUS`, `PERSIST_ROTEL` | the `prometheus` and `rotel-agent` executables | the same |
//! | `PERSIST_AZURITE`, `PERSIST_FAKE_GCS` | the main script of `azurite-blob`, the `fake-gcs-server` executable | the same |
//! | `PERSIST_TEST_AZURITE_ADDRESS`, `PERSIST_TEST_FAKE_GCS_ADDRESS` | a running Azurite or fake-gcs-server | one is started |
//! | `PERSIST_SECANTUSDB` | the program `secantusd-py` | the same |
//! | `PERSIST_TEST_MONGODB_ADDRESS` | a running SecantusDB, which stands in for MongoDB | one is started |
//! | `PERSIST_REDIS` | the `redis-server` executable | the same |
//! | `PERSIST_TEST_REDIS_ADDRESS` | a running Redis | one is started |
//! | `PERSIST_POSTGRES` | the `postgres` executable | the system's, or the same |
//! | `PERSIST_TEST_S3_ENDPOINT`, `…_FILER`, `…_ACCESS_KEY`, `…_SECRET_KEY` | a running SeaweedFS | one is started |
//! | `PERSIST_TEST_POSTGRES_ADDRESS`, `…_PASSWORD`, `…_CERTIFICATE` | a running PostgreSQL | one is started |

mod artifacts;
mod azurite;
mod backend;
mod emulator;
mod error;
mod fake_gcs;
mod http;
mod place;
mod ports;
mod postgres;
mod process;
mod prometheus;
mod proxy;
mod recording;
mod redis;
mod rotel;
mod seaweedfs;
mod secantusdb;
mod start;
mod state;

pub use artifacts::{
    AZURITE_VARIABLE, AZURITE_VERSION, FAKE_GCS_VARIABLE, FAKE_GCS_VERSION, PERSIST_BIN_VARIABLE,
    PLUGIN_DIR_VARIABLE, POSTGRES_VARIABLE, PROMETHEUS_VARIABLE, PYTHON_CODECS, REDIS_VARIABLE,
    ROTEL_VARIABLE, ROTEL_VERSION, SEAWEEDFS_VARIABLE, SEAWEEDFS_VERSION, SECANTUSDB_VARIABLE,
    SECANTUSDB_VERSION, azurite_script, fake_gcs_bin, persist_bin, plugin_dir, postgres_bin, profile_dir,
    prometheus_bin, python_codecs_dir, redis_bin, rotel_bin, seaweedfs_bin, secantusdb_bin, servers_dir,
};
pub use azurite::Azurite;
pub use backend::{BACKENDS, Backend};
pub use error::{ServerError, with_causes};
pub use fake_gcs::FakeGcs;
pub use place::Place;
pub use postgres::Postgres;
pub use prometheus::{Prometheus, promtool};
pub use proxy::{Fault, Mode, Proxy, Rule, Strikes};
pub use recording::Recording;
pub use redis::{Redis, RedisCluster};
pub use rotel::{Rotel, Span};
pub use seaweedfs::SeaweedFs;
pub use secantusdb::SecantusDb;
pub use state::agent_state;
