//! A process that keeps a store open, and what it answers.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use persist_test_support::Place;
use serde_json::{Value, json};

/// A program that uses the library, with the adapter of a place, through its shared library.
pub(super) struct Client {
    process: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    secrets: Vec<String>,
}

/// An operation that failed, as the library says it.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) kind: String,
    pub(super) exit_code: u64,
    /// With all causes.
    pub(super) text: String,
    pub(super) write_id: Option<String>,
}

impl Client {
    pub(super) fn new(place: &Place) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_library-client"))
            .args(["serve", place.adapter, &place.options.to_string()])
            .envs(place.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the client starts");
        let requests = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("its standard output"));
        let mut client = Self { process, requests, answers, secrets: secrets(place) };
        assert_eq!(client.answer(), json!({}), "it opens the store");
        client
    }

    /// Opens the store anew: nothing that was known of sessions is known any more, and no connection is left.
    pub(super) fn open(&mut self) {
        assert_eq!(self.ask(&json!({ "do": "open" })), json!({}));
    }

    /// Opens it with a limit for each call.
    pub(super) fn open_with_limit(&mut self, milliseconds: u64) {
        assert_eq!(self.ask(&json!({ "do": "open", "call_timeout_ms": milliseconds })), json!({}));
    }

    /// Saves a state; the result is its index.
    pub(super) fn save(&mut self, session: &str, state: &str, write_id: Option<&str>) -> Result<u64, Failed> {
        let mut request = json!({ "do": "save", "session": session, "state": state });
        if let Some(write_id) = write_id {
            request["write_id"] = write_id.into();
        }
        let answer = self.ask(&request);
        answer["saved"].as_u64().ok_or_else(|| self.failed(&answer))
    }

    /// Restores a snapshot.
    pub(super) fn restore(&mut self, snapshot: &str) -> Result<String, Failed> {
        let answer = self.ask(&json!({ "do": "restore", "snapshot": snapshot }));
        answer["state"].as_str().map(str::to_owned).ok_or_else(|| self.failed(&answer))
    }

    fn ask(&mut self, request: &Value) -> Value {
        let requests = self.requests.as_mut().expect("its standard input");
        writeln!(requests, "{request}").expect("the client reads");
        self.answer()
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("a line");
        serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("the client ended or said {line:?}: {error}"))
    }

    /// No error may hold a secret, whatever went wrong.
    fn failed(&self, answer: &Value) -> Failed {
        let error = &answer["error"];
        let shown = error.to_string();
        for secret in &self.secrets {
            assert!(!shown.contains(secret.as_str()), "a secret is in {}", shown.replace(secret, "***"));
        }
        Failed {
            kind: error["kind"].as_str().unwrap_or_else(|| panic!("no error: {answer}")).to_owned(),
            exit_code: error["exit_code"].as_u64().expect("an exit code"),
            text: error["text"].as_str().expect("a text").to_owned(),
            write_id: error["context"]["write_id"].as_str().map(str::to_owned),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // The end of its input is its end.
        drop(self.requests.take());
        let _ = self.process.wait();
    }
}

/// What a place's environment keeps secret: passwords in URLs, and what is called so.
fn secrets(place: &Place) -> Vec<String> {
    let mut secrets = Vec::new();
    for (name, value) in &place.environment {
        let user = value.split_once("://").and_then(|(_, rest)| rest.split_once('@'));
        if let Some((_, password)) = user.and_then(|(user, _)| user.split_once(':')) {
            secrets.push(password.to_owned());
        }
        if ["SECRET", "PASSWORD", "STORAGE_KEY", "TOKEN", "CONNECTION_STRING"]
            .iter()
            .any(|it| name.contains(it))
        {
            secrets.push(value.clone());
        }
    }
    // Shorter ones would be found by chance.
    secrets.retain(|secret| secret.len() >= 4);
    secrets
}
