//! A bucket on a real S3 server, and the `persist` command set up to use it.

use std::{
    process::{Command, Stdio},
    sync::Arc,
};

use serde_json::{Value, json};

use crate::{
    Output, Persist,
    servers::{SeaweedFs, plugin_dir},
};

/// A bucket that only one test uses.
#[derive(Debug)]
pub struct Bucket {
    server: Arc<SeaweedFs>,
    name: String,
}

impl Bucket {
    /// A new bucket on the server that all tests share. The name begins with `prefix`.
    ///
    /// # Panics
    ///
    /// When there is no server or it refuses.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self::on(SeaweedFs::shared(), prefix)
    }

    /// A new bucket on this server.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    #[must_use]
    pub fn on(server: Arc<SeaweedFs>, prefix: &str) -> Self {
        let name = server.create_bucket(prefix);
        Self { server, name }
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> &SeaweedFs {
        &self.server
    }

    /// The bucket's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The storage adapter's options; waits between attempts are short.
    #[must_use]
    pub fn options(&self) -> Value {
        json!({
            "bucket": self.name, "region": self.server.region(), "endpoint": self.server.endpoint(),
            "initial_backoff_ms": 10, "max_backoff_ms": 200,
        })
    }

    /// The environment variables that hold the credentials.
    #[must_use]
    pub fn credentials(&self) -> [(&'static str, &str); 2] {
        [("AWS_ACCESS_KEY_ID", self.server.access_key()), ("AWS_SECRET_ACCESS_KEY", self.server.secret_key())]
    }

    /// The command, with this bucket as its only store and the credentials in its environment.
    ///
    /// # Panics
    ///
    /// When the command or the plugins have not been built.
    #[must_use]
    pub fn persist(&self) -> Persist {
        let [access, secret] = self.credentials();
        let persist = Persist::without_config().env(access.0, access.1).env(secret.0, secret.1);
        configure(&persist, &self.options());
        persist
    }

    /// The bytes of an object, read behind the S3 interface's back.
    ///
    /// # Panics
    ///
    /// When there is no such object.
    #[must_use]
    pub fn object(&self, key: &str) -> Vec<u8> {
        self.filer(&[], key, &[])
    }

    /// Replaces an object, also behind its back.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    pub fn overwrite(&self, key: &str, bytes: &[u8]) {
        self.filer(&["--request", "PUT", "--header", "Content-Type:", "--data-binary", "@-"], key, bytes);
    }

    /// Sends a request to the server's file interface, which asks for no signature.
    fn filer(&self, arguments: &[&str], key: &str, body: &[u8]) -> Vec<u8> {
        let mut command = Command::new("curl");
        command
            .args(["--silent", "--show-error", "--fail", "--max-time", "60"])
            .args(arguments)
            .arg(format!("{}/buckets/{}/{key}", self.server.filer(), self.name))
            .stderr(Stdio::piped());
        Output::of(command, body).expect_code(0).stdout
    }
}

/// Gives the command a config with one store, `main`: S3 with these options, compressed with gzip.
///
/// # Panics
///
/// When `options` is no object, or the config cannot be written.
pub fn configure(persist: &Persist, options: &Value) {
    let options = options.as_object().unwrap_or_else(|| panic!("no object: {options}"));
    // A number, a truth value or a string without odd characters is the same in JSON and in TOML.
    let options: String = options.iter().map(|(name, value)| format!(", {name} = {value}")).collect();
    persist.write_config(&format!(
        "[stores.main]\nstorage = {{ adapter = \"s3\"{options} }}\ncompression = {{ adapter = \"gzip\" }}\n\
         [plugins]\npath = [{:?}]\n",
        plugin_dir()
    ));
}
