//! Detached signatures in minisign's form.
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::fs;
use std::path::{Path, PathBuf};

use minisign::KeyPair;
use persist_host::{
    PluginTrust, Plugins, RejectReason, SearchPath, SignatureProblem, TrustPolicy, TrustedKey, lock_plugins,
    verify_locks,
};
use serde_json::json;
use tempfile::TempDir;

use crate::support::*;

fn pair() -> KeyPair {
    KeyPair::generate_unencrypted_keypair().unwrap()
}

fn key(pair: &KeyPair) -> TrustedKey {
    pair.pk.to_base64().parse().unwrap()
}

fn trusting(directory: &Path, keys: &[&KeyPair]) -> SearchPath {
    search(directory).with_policy(TrustPolicy::new().trust_keys(keys.iter().map(|pair| key(pair))))
}

fn signature(file: &Path) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(".minisig");
    path.into()
}

/// The text of a signature as `minisign -S` writes it.
fn signed(bytes: &[u8], pair: &KeyPair) -> String {
    minisign::sign(Some(&pair.pk), &pair.sk, bytes, Some("from a test"), None).unwrap().to_string()
}

fn sign(file: &Path, pair: &KeyPair) {
    write(&signature(file), signed(&fs::read(file).unwrap(), pair).as_bytes());
}

/// A directory with a copy of the good plugin.
fn scene() -> (TempDir, PathBuf) {
    let scene = directory();
    let plugin = scene.path().join("good.so");
    fs::copy(test_plugin(), &plugin).unwrap();
    (scene, plugin)
}

fn rejected(search: &SearchPath) -> Vec<RejectReason> {
    Plugins::discover(search).rejected().iter().map(|rejection| rejection.reason.clone()).collect()
}

fn refusal(plugins: &Plugins) -> String {
    let error = block_on(plugins.open_storage("shelf", &json!({}))).err().unwrap();
    error.context().iter().find(|(name, _)| *name == "reason").map(|(_, code)| code.clone()).unwrap()
}

#[test]
fn with_a_trusted_key_a_plugin_needs_its_signature() {
    let (scene, plugin) = scene();
    let (author, other) = (pair(), pair());
    let path = trusting(scene.path(), &[&other, &author]);
    let trusted = format!("{}, {}", key(&other), key(&author));
    assert_eq!(rejected(&path), [RejectReason::Signature(SignatureProblem::Missing { trusted })]);
    sign(&plugin, &author);
    let plugins = Plugins::discover(&path);
    assert_works(&plugins);
    let row = &plugins.listing().plugins[0];
    assert_eq!((row.trust, row.signed_by.clone()), (PluginTrust::Signed, Some(key(&author).to_string())));
    // Without keys nobody can tell whose it is.
    let row = &Plugins::discover(&search(scene.path())).listing().plugins[0];
    assert_eq!((row.trust, row.signed_by.clone()), (PluginTrust::Unlocked, None));
}

#[test]
fn a_signature_of_other_bytes_or_with_another_comment_is_refused_before_the_plugin_runs() {
    let (scene, plugin) = scene();
    let author = pair();
    let path = trusting(scene.path(), &[&author]);
    let other_bytes = signed(b"other bytes", &author);
    let other_comment = signed(&fs::read(&plugin).unwrap(), &author).replace("from a test", "from another");
    for text in [other_bytes, other_comment] {
        write(&signature(&plugin), text.as_bytes());
        let plugins = Plugins::discover(&path);
        assert_eq!(refusal(&plugins), "signature_invalid");
        assert_eq!(plugins.listing().plugins[0].trust, PluginTrust::Mismatch);
        assert_eq!(plugins.listing().rejected[0].code, "signature_invalid");
    }
    sign(&plugin, &author);
    let plugins = Plugins::discover(&path);
    // Changed after it was found.
    let mut bytes = fs::read(&plugin).unwrap();
    bytes.push(0);
    fs::write(&plugin, bytes).unwrap();
    assert_eq!(refusal(&plugins), "signature_invalid");
}

#[test]
fn signatures_of_strangers_and_of_no_use_are_refused_when_the_plugin_is_found() {
    let (scene, plugin) = scene();
    let (author, stranger) = (pair(), pair());
    let path = trusting(scene.path(), &[&author]);
    sign(&plugin, &stranger);
    let found = key(&stranger).to_string();
    assert_eq!(rejected(&path), [RejectReason::Signature(SignatureProblem::UnknownKey { found })]);
    // What minisign made before it hashed first: the algorithm is "Ed", not "ED".
    let good = signed(&fs::read(&plugin).unwrap(), &author);
    let unhashed = good.replacen("\nRU", "\nRW", 1);
    assert_ne!(unhashed, good);
    for text in ["", "text", &unhashed, &good[..good.len() / 2]] {
        write(&signature(&plugin), text.as_bytes());
        let reasons = rejected(&path);
        assert!(
            matches!(reasons.as_slice(), [RejectReason::Signature(SignatureProblem::Unusable { .. })]),
            "{text}: {reasons:?}"
        );
    }
}

#[test]
fn the_signature_of_a_lock_file_speaks_for_all_that_it_lists() {
    let (scene, plugin) = scene();
    let (author, stranger) = (pair(), pair());
    let path = trusting(scene.path(), &[&author]);
    // Nothing is signed yet.
    lock_plugins(&path, None).unwrap();
    assert_eq!(verify_locks(&path).mismatches[0].code, "signature_missing");
    let lock = scene.path().join("plugins.lock");
    sign(&lock, &author);
    let plugins = Plugins::discover(&path);
    assert_works(&plugins);
    let row = &plugins.listing().plugins[0];
    assert_eq!(
        (row.trust, row.locked, row.signed_by.clone()),
        (PluginTrust::Signed, true, Some(key(&author).to_string()))
    );
    assert!(verify_locks(&path).mismatches.is_empty());

    // A signature of its own has to be right as well.
    sign(&plugin, &stranger);
    assert!(matches!(rejected(&path)[0], RejectReason::Signature(SignatureProblem::UnknownKey { .. })));
    fs::remove_file(signature(&plugin)).unwrap();

    let text = fs::read_to_string(&lock).unwrap();
    write(&lock, format!("{text}\n# changed\n").as_bytes());
    let reasons = rejected(&path);
    assert!(
        matches!(&reasons[0], RejectReason::Lock(problem) if problem.code() == "lock_unusable"),
        "{reasons:?}"
    );
    write(&lock, text.as_bytes());
    sign(&lock, &stranger);
    assert_eq!(rejected(&path)[0].code(), "lock_unusable");
}

#[test]
fn a_file_with_a_wrong_signature_is_left_out_of_a_new_lock() {
    let (scene, plugin) = scene();
    let author = pair();
    fs::copy(&plugin, scene.path().join("other.so")).unwrap();
    write(&signature(&plugin), signed(b"other bytes", &author).as_bytes());
    let report = &lock_plugins(&trusting(scene.path(), &[&author]), None).unwrap()[0];
    assert_eq!(report.plugins.iter().map(|plugin| plugin.file.as_str()).collect::<Vec<_>>(), ["other.so"]);
    assert_eq!(report.left_out[0].code, "signature_invalid");
}
