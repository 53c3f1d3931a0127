//! The command line and the identities of a test server.

use std::{
    ffi::OsString,
    hash::{BuildHasher, Hasher, RandomState},
    path::Path,
};

/// The ports that SeaweedFS's parts listen on; each also uses the port 10,000 above.
#[derive(Debug)]
pub(super) struct Ports {
    pub(super) s3: u16,
    pub(super) filer: u16,
    master: u16,
    volume: u16,
    admin: u16,
}

impl From<[u16; 5]> for Ports {
    fn from([s3, filer, master, volume, admin]: [u16; 5]) -> Self {
        Self { s3, filer, master, volume, admin }
    }
}

/// An access key and a secret key that no other server knows, so that a test cannot pass against a wrong one.
pub(super) fn credentials() -> (String, String) {
    // The standard library seeds this from the operating system. That is random enough for a key that guards
    // a temporary server on the loopback interface.
    let random = || RandomState::new().build_hasher().finish();
    (format!("TEST{:016X}", random()), format!("{:016x}{:016x}", random(), random()))
}

/// The access key of the identity that may read and list alone. Its secret key is that of the other identity.
pub(super) fn read_only(access_key: &str) -> String {
    format!("{access_key}READONLY")
}

/// The contents of the identities file.
pub(super) fn identities(access_key: &str, secret_key: &str) -> String {
    let identity = |name, access_key: &str, actions| {
        format!(
            r#"{{"name":"{name}","credentials":[{{"accessKey":"{access_key}","secretKey":"{secret_key}"}}],"actions":[{actions}]}}"#
        )
    };
    format!(
        r#"{{"identities":[{},{}]}}"#,
        identity("test", access_key, r#""Admin","Read","Write","List","Tagging""#),
        identity("reader", &read_only(access_key), r#""Read","List""#),
    )
}

/// The command line of a single-process server with everything but S3 and what S3 needs turned off.
pub(super) fn arguments(ports: &Ports, volumes: &Path, identities: &Path) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = [
        "mini".to_owned(),
        "-ip=127.0.0.1".to_owned(),
        "-ip.bind=127.0.0.1".to_owned(),
        format!("-s3.port={}", ports.s3),
        format!("-filer.port={}", ports.filer),
        format!("-master.port={}", ports.master),
        format!("-volume.port={}", ports.volume),
        format!("-admin.port={}", ports.admin),
        "-s3.port.iceberg=0".to_owned(),
        "-s3.port.lance=0".to_owned(),
        "-admin.ui=false".to_owned(),
        "-webdav=false".to_owned(),
        "-master.telemetry=false".to_owned(),
        // A missing bucket is an error, as it is in S3 itself.
        "-s3.autoCreateBucket=false".to_owned(),
        // Every bucket takes a volume of its own, and the free disk space otherwise limits their number.
        "-volume.max=1000".to_owned(),
        "-master.volumeSizeLimitMB=256".to_owned(),
    ]
    .into_iter()
    .map(OsString::from)
    .collect();
    for (flag, path) in [("-dir=", volumes), ("-s3.config=", identities)] {
        let mut argument = OsString::from(flag);
        argument.push(path);
        arguments.push(argument);
    }
    arguments
}
