//! Versions as none may ever be: the layout or the meaning differs, and hosts have to notice.

use crate::edit::Edit;

const ABI: &str = "src/abi.rs";

/// Each by its name, with what is wrong. The version of the crate does not show it.
pub(super) const VERSIONS: &[(&str, &[Edit])] = &[
    ("signature", SIGNATURE),
    ("reordered", REORDERED),
    ("extra-field", EXTRA_FIELD),
    ("protocol", PROTOCOL),
];

/// A method takes one parameter more.
const SIGNATURE: &[Edit] = &[
    Edit {
        file: ABI,
        find: "fn stat(&self, key: RString, context: CallContext)",
        replace: "fn stat(&self, key: RString, depth: u32, context: CallContext)",
    },
    Edit {
        file: "src/abi/export.rs",
        find: "fn stat(&self, key: RString, context: CallContext)",
        replace: "fn stat(&self, key: RString, _: u32, context: CallContext)",
    },
    Edit {
        file: "src/abi/foreign.rs",
        find: "forward!(self, stat(RString::from(key)))",
        replace: "forward!(self, stat(RString::from(key), 0))",
    },
];

/// Two methods have changed places.
const REORDERED: &[Edit] = &[
    Edit {
        file: ABI,
        find: "    fn exists(&self, key: RString, context: CallContext) -> WireFuture<bool>;\n",
        replace: "",
    },
    Edit {
        file: ABI,
        find: "    fn delete(&self, key: RString, context: CallContext) -> WireFuture<()>;\n",
        replace: "    fn delete(&self, key: RString, context: CallContext) -> WireFuture<()>;\n    \
                  fn exists(&self, key: RString, context: CallContext) -> WireFuture<bool>;\n",
    },
];

/// A plain struct has one field more.
const EXTRA_FIELD: &[Edit] = &[
    Edit {
        file: ABI,
        find: "    pub modified_unix_ms: ROption<i64>,\n",
        replace: "    pub modified_unix_ms: ROption<i64>,\n    pub generation: u64,\n",
    },
    Edit {
        file: "src/abi/wire.rs",
        find: "            modified_unix_ms: meta.modified_unix_ms.into(),\n",
        replace: "            modified_unix_ms: meta.modified_unix_ms.into(),\n            generation: 0,\n",
    },
];

/// The same layout, with another meaning.
const PROTOCOL: &[Edit] =
    &[Edit { file: ABI, find: "pub const PROTOCOL: u32 = 1;", replace: "pub const PROTOCOL: u32 = 2;" }];
