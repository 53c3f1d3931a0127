//! What other tests rely on in the PostgreSQL server.

use std::{fs, sync::Arc};

use persist_test_support::Postgres;

#[test]
fn it_comes_back_with_its_data_after_a_crash() {
    let server = Arc::new(Postgres::start());
    let first = server.process_id().expect("an own server has a process");
    server.sql("persist", "CREATE TABLE t (n int); INSERT INTO t VALUES (7)");
    server.kill();
    assert_eq!(server.process_id(), None);
    assert!(std::net::TcpStream::connect(server.address()).is_err());
    server.restart();
    assert_ne!(server.process_id(), Some(first));
    assert_eq!(server.sql("persist", "SELECT n FROM t"), "7");
    assert_eq!(server.sql("persist", "SHOW fsync"), "on");
}

#[test]
fn places_are_new_each_time_and_hold_no_secret() {
    let server = Postgres::shared();
    let (one, two) = (server.place("support-test"), server.place("support-test"));
    assert_ne!(one.options["schema"], two.options["schema"]);
    assert_eq!(one.address, server.address());
    assert!(one.options["url"].as_str().is_some_and(|url| url.contains(&one.address.to_string())));
    assert!(!one.options.to_string().contains(server.password()));
    assert_eq!(one.environment, [("PGPASSWORD", server.password().to_owned())]);
}

#[test]
fn its_certificate_is_at_hand() {
    let server = Postgres::shared();
    let text = fs::read_to_string(server.certificate()).expect("others may read it");
    assert!(text.starts_with("-----BEGIN CERTIFICATE-----"), "{text}");
}
