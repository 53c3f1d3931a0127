//! Places for objects on the real servers, all described alike, so that one test can run on each of them.

use std::{any::Any, fmt, net::SocketAddr, sync::Arc};

use serde_json::Value;

/// A new, empty place on a server that only one test uses, as the config of a store names it.
#[derive(Clone)]
pub struct Place {
    /// The storage adapter's name.
    pub adapter: &'static str,
    /// The adapter's options: a JSON object. They allow short waits between attempts.
    pub options: Value,
    /// Environment variables that the adapter needs, such as credentials.
    pub environment: Vec<(&'static str, String)>,
    /// Where the server listens. The options or the environment name it in just these words, `127.0.0.1:PORT`.
    pub address: SocketAddr,
    /// Holds the server, for as long as the place is used.
    pub server: Arc<dyn Any + Send + Sync>,
}

impl Place {
    /// The same place, reached through a proxy at `address`.
    ///
    /// # Panics
    ///
    /// When neither the options nor the environment name the server's address.
    #[must_use]
    pub fn through(&self, address: SocketAddr) -> Self {
        let (from, to) = (self.address.to_string(), address.to_string());
        let options = self.options.to_string();
        let environment: Vec<_> =
            self.environment.iter().map(|(name, value)| (*name, value.replace(&from, &to))).collect();
        assert!(
            options.contains(&from) || environment != self.environment,
            "{from} is in neither of {self:?}"
        );
        let options = serde_json::from_str(&options.replace(&from, &to));
        let options = options.unwrap_or_else(|error| panic!("the options of {self:?}: {error}"));
        Self { options, environment, address, ..self.clone() }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Place")
            .field("adapter", &self.adapter)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_proxy_takes_the_place_of_the_server_in_options_and_environment() {
        let place = Place {
            adapter: "any",
            options: json!({"url": "http://127.0.0.1:4000/x"}),
            environment: vec![("URL", "any://127.0.0.1:4000".to_owned())],
            address: ([127, 0, 0, 1], 4000).into(),
            server: Arc::new(()),
        };
        let proxied = place.through(([127, 0, 0, 1], 5000).into());
        assert_eq!(proxied.options, json!({"url": "http://127.0.0.1:5000/x"}));
        assert_eq!(proxied.environment, [("URL", "any://127.0.0.1:5000".to_owned())]);
    }
}
