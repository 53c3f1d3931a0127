//! Three servers that are a cluster.

use std::{
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use super::{Redis, programs::client};

const NODES: usize = 3;
const JOIN_TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// A running Redis Cluster of three primaries without replicas on 127.0.0.1.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Redis>,
}

impl RedisCluster {
    /// Starts one.
    ///
    /// # Panics
    ///
    /// When it is not installed or does not start; the message says what to do.
    #[must_use]
    pub fn start() -> Self {
        let arguments = ["--cluster-enabled", "yes", "--cluster-node-timeout", "5000"];
        let nodes: Vec<Redis> = (0..NODES).map(|_| Redis::start_with(&arguments)).collect();
        let mut create = client(nodes[0].port());
        create.args(["--cluster", "create"]);
        create.args(nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())));
        let output = create.arg("--cluster-yes").stdin(Stdio::null()).output();
        let output = output.unwrap_or_else(|error| panic!("redis-cli does not start: {error}"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let begin = Instant::now();
        while !nodes.iter().all(|node| node.ask(&["CLUSTER", "INFO"]).contains("cluster_state:ok")) {
            assert!(begin.elapsed() < JOIN_TIMEOUT, "the nodes do not come together");
            thread::sleep(POLL);
        }
        Self { nodes }
    }

    /// The servers.
    #[must_use]
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }
}
