//! A place on a server, a proxy in front of it, and a session that is looked at behind the proxy's back.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use persist_e2e::{Persist, json_lines, linked::marker, place::persist_at};
use persist_host::ContentHash;
use persist_test_support::{Backend, Place, Proxy};

use super::client::Client;

pub(super) const SESSION: &str = "agent/session";

pub(super) struct Scene {
    pub(super) proxy: Proxy,
    pub(super) through: Place,
    /// The command, without the proxy.
    pub(super) direct: Persist,
    steps: AtomicU64,
}

impl Scene {
    /// With one snapshot in the session, so that the markers of the store are there.
    pub(super) fn new(adapter: &str, prefix: &str) -> Self {
        let place = (Backend::of(adapter).place)(prefix);
        let proxy = Proxy::start(place.address);
        let through = place.through(proxy.address());
        let scene = Self { proxy, through, direct: persist_at(&place), steps: AtomicU64::new(0) };
        scene.direct.save(SESSION, scene.state());
        scene
    }

    pub(super) fn client(&self) -> Client {
        Client::new(&self.through)
    }

    /// A state that nobody has saved yet.
    pub(super) fn state(&self) -> String {
        let step = self.steps.fetch_add(1, Ordering::SeqCst);
        String::from_utf8(persist_e2e::linked::state(step)).expect("text")
    }

    /// What only the request holds that stores the last [`Scene::state`].
    pub(super) fn marker(&self) -> String {
        marker(self.steps.load(Ordering::SeqCst) - 1)
    }

    /// How often a session holds a state, seen without the proxy.
    pub(super) fn times_stored(&self, session: &str, state: &str) -> usize {
        let stored = self.stored(session);
        stored.get(session).into_iter().flatten().filter(|hash| **hash == Self::hash(state)).count()
    }

    /// The content hashes of a session, or of an agent's sessions, by session and in order. The indices have no gap.
    pub(super) fn stored(&self, pattern: &str) -> BTreeMap<String, Vec<String>> {
        let listed = json_lines(&self.direct.ok(["list", pattern, "--json"]).stdout);
        let mut sessions: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in &listed {
            let text = |name: &str| row[name].as_str().unwrap_or_else(|| panic!("no {name}: {row}"));
            let hashes = sessions.entry(format!("{}/{}", text("agent_id"), text("session_id"))).or_default();
            assert_eq!(row["snapshot_index"], hashes.len(), "the indices have gaps, or come twice: {row}");
            hashes.push(text("content_hash").to_owned());
        }
        sessions
    }

    /// What a listing says of a state.
    pub(super) fn hash(state: &str) -> String {
        ContentHash::of(state.as_bytes()).to_string()
    }
}
