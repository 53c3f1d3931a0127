use super::*;
use persist_plugin_api::ErrorCode;
use serde_json::{Value, json};

/// A value that no message may hold.
const PLANTED: &str = "hunter2-and-more";

fn server_in(options: Value, environment: &[(&str, &str)]) -> Result<Server> {
    let config: PostgresConfig = serde_json::from_value(options).expect("options of the right types");
    let variable = |name: &str| {
        environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    Server::new(&config, &variable)
}

fn server(options: Value) -> Result<Server> {
    server_in(options, &[])
}

fn password(server: &Server) -> Option<&str> {
    server.connection.get_password().map(|bytes| std::str::from_utf8(bytes).unwrap())
}

#[test]
fn a_url_says_everything() {
    let url =
        "postgresql://u:p%40ss@db.example:6432/d?sslmode=verify-ca&application_name=me&sslrootcert=%2Fca.pem";
    let server = server_in(json!({"url": url}), &[("PGHOST", "other"), ("PGPASSWORD", "other")]).unwrap();
    assert_eq!((server.address.as_str(), server.database.as_str()), ("db.example:6432", "d"));
    assert_eq!(server.connection.get_user(), Some("u"));
    assert_eq!(password(&server), Some("p@ss"));
    assert_eq!(server.connection.get_application_name(), Some("me"));
    assert_eq!(server.sslmode, SslMode::VerifyCa);
    assert_eq!(server.roots.as_deref(), Some(Path::new("/ca.pem")));
}

#[test]
fn the_environment_fills_the_gaps() {
    let environment = [
        ("PGHOST", "a,b"),
        ("PGPORT", "1,2"),
        ("PGUSER", "u"),
        ("PGDATABASE", "d"),
        ("PGPASSWORD", "p"),
        ("PGSSLMODE", "require"),
        ("PGSSLROOTCERT", "system"),
    ];
    let server = server_in(json!({}), &environment).unwrap();
    assert_eq!((server.address.as_str(), server.database.as_str()), ("a:1,b:2", "d"));
    assert_eq!((server.connection.get_user(), password(&server)), (Some("u"), Some("p")));
    assert_eq!((server.sslmode, server.roots), (SslMode::Require, None));
    let server =
        server_in(json!({"host": "h", "port": 3, "user": "me", "sslmode": "disable"}), &environment).unwrap();
    assert_eq!((server.address.as_str(), server.sslmode), ("h:3", SslMode::Disable));
    assert_eq!(server.connection.get_user(), Some("me"));
    let server = server_in(json!({}), &[]).unwrap();
    assert_eq!(server.address, "localhost:5432");
}

#[test]
fn tls_is_checked_unless_the_server_is_on_this_machine_or_the_user_says_so() {
    let mode = |url: &str| server(json!({"url": url})).unwrap().sslmode;
    assert_eq!(mode("postgresql://db.example/d"), SslMode::VerifyFull);
    assert_eq!(mode("postgresql://127.0.0.1,db.example/d"), SslMode::VerifyFull);
    assert_eq!(mode("postgresql://10.0.0.1/d"), SslMode::VerifyFull);
    assert_eq!(mode("postgresql://127.0.0.1/d"), SslMode::Prefer);
    assert_eq!(mode("postgresql://localhost/d"), SslMode::Prefer);
    assert_eq!(mode("postgresql:///d?host=/run/postgresql"), SslMode::Prefer);
    assert_eq!(mode("postgresql://db.example/d?sslmode=prefer"), SslMode::Prefer);
}

#[test]
fn passwords_come_from_files_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    std::fs::write(&path, "from-file\n").unwrap();
    let environment = [("PGPASSWORD", "from-environment")];
    let server = server_in(json!({"password_file": path}), &environment).unwrap();
    assert_eq!(password(&server), Some("from-file"));

    let passfile = directory.path().join("passfile");
    std::fs::write(&passfile, "db.example:5432:d:u:from-passfile\n").unwrap();
    let environment = [("PGPASSFILE", passfile.to_str().unwrap())];
    let options = json!({"host": "db.example", "user": "u", "database": "d"});
    let found = |mode| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&passfile, std::fs::Permissions::from_mode(mode)).unwrap();
        password(&server_in(options.clone(), &environment).unwrap()).map(str::to_owned)
    };
    assert_eq!(found(0o600).as_deref(), Some("from-passfile"));
    assert_eq!(found(0o644), None);
}

#[test]
fn two_ways_of_saying_the_same_are_refused() {
    for options in [
        json!({"url": "postgresql://h/d", "host": "h"}),
        json!({"url": "postgresql://h/d", "database": "d"}),
        json!({"url": "postgresql://u:p@h/d", "password_file": "/f"}),
    ] {
        assert_eq!(server(options).err().unwrap().code(), ErrorCode::CONFIG);
    }
}

#[test]
fn no_message_repeats_a_secret() {
    for url in [
        format!("postgresql://u:{PLANTED}@h:port/d"),
        format!("postgresql://u:p@h/d?{PLANTED}=1"),
        format!("postgresql://u:p@h/d?sslmode={PLANTED}"),
        format!("http://u:{PLANTED}@h/d"),
        PLANTED.to_owned(),
        format!("postgresql://u:p@{PLANTED}@h/d"),
        format!("postgresql://u:p@/{PLANTED}@h/d"),
        format!("postgresql://u:p@x?{PLANTED}@h/d"),
    ] {
        let config: PostgresConfig = serde_json::from_value(json!({"url": url})).unwrap();
        let error = Server::new(&config, &|_| None).err().unwrap();
        assert!(!format!("{error:?} {error} {config:?}").contains(PLANTED), "{error:?}");
    }
    let server = server(json!({"url": format!("postgresql://u:{PLANTED}@h/d")})).unwrap();
    assert_eq!(password(&server), Some(PLANTED));
    assert!(!format!("{:?} {}", server.connection, server.address).contains(PLANTED));
}

#[test]
fn an_unescaped_at_sign_is_asked_for_in_its_other_form() {
    let error = server(json!({"url": "postgresql://u:a@b@h/d"})).err().unwrap();
    assert!(error.message().contains("%40"), "{error}");
}

#[test]
fn of_several_hosts_the_one_that_writes_is_chosen_unless_the_url_says_otherwise() {
    let session = |url: &str| server(json!({"url": url})).unwrap().connection.get_target_session_attrs();
    assert_eq!(session("postgresql://a,b/d"), TargetSessionAttrs::ReadWrite);
    assert_eq!(session("postgresql://a,b/d?target_session_attrs=any"), TargetSessionAttrs::Any);
    assert_eq!(session("postgresql://a/d"), TargetSessionAttrs::Any);
    let of_environment = server_in(json!({}), &[("PGHOST", "a,b")]).unwrap();
    assert_eq!(of_environment.connection.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
}

#[test]
fn a_connection_that_was_forgotten_on_the_way_is_noticed() {
    let connection = server(json!({"url": "postgresql://h/d"})).unwrap().connection;
    assert!(connection.get_keepalives());
    assert_eq!(connection.get_keepalives_idle(), SILENCE);
    assert_eq!(connection.get_keepalives_interval(), Some(ASK_AGAIN));
    assert_eq!(connection.get_tcp_user_timeout(), Some(&UNCONFIRMED));
    let url = "postgresql://h/d?keepalives_idle=5&keepalives_interval=6&tcp_user_timeout=7";
    let connection = server(json!({"url": url})).unwrap().connection;
    assert_eq!(connection.get_keepalives_idle(), Duration::from_secs(5));
    assert_eq!(connection.get_keepalives_interval(), Some(Duration::from_secs(6)));
    assert_eq!(connection.get_tcp_user_timeout(), Some(&Duration::from_secs(7)));
}
