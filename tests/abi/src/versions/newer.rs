//! A version as the next one may be: each table that may grow has one entry more.

use crate::edit::Edit;

const ABI: &str = "src/abi.rs";
const EXPORT: &str = "src/abi/export.rs";

/// What the next version appends. Its hosts tell what they found in [`Plugin::appended`], which the last edit adds.
pub(super) const EDITS: &[Edit] = &[
    Edit {
        file: ABI,
        find: "fn list(&self, request: WireListRequest, context: CallContext) -> WireFuture<WireListPage>;\n",
        replace: "fn list(&self, request: WireListRequest, context: CallContext) -> WireFuture<WireListPage>;\n    \
                  fn appended(&self, number: u64) -> u64 {\n        number + 1\n    }\n",
    },
    Edit {
        file: ABI,
        find: "max_output: u64) -> WireResult<Buffer>;\n}",
        replace: "max_output: u64) -> WireResult<Buffer>;\n    \
                  fn appended(&self, number: u64) -> u64 {\n        number + 1\n    }\n}",
    },
    Edit {
        file: ABI,
        find: "    pub span_close: extern \"C\" fn(span: u64),\n",
        replace: "    pub span_close: extern \"C\" fn(span: u64),\n    pub appended: extern \"C\" fn(u64) -> u64,\n",
    },
    Edit {
        file: ABI,
        find: "        parts: RVec<StorageBox>,\n    ) -> WireFuture<StorageBox>,\n",
        replace: "        parts: RVec<StorageBox>,\n    ) -> WireFuture<StorageBox>,\n    \
                  pub appended: extern \"C\" fn() -> u64,\n",
    },
    // The plugin's side: methods of its own, and a field that tells what the host's service answered.
    Edit {
        file: EXPORT,
        find: "        self.call(\"list\", context, |adapter| async move { adapter.list(request.into()).await })\n    }\n",
        replace: "        self.call(\"list\", context, |adapter| async move { adapter.list(request.into()).await })\n    }\n\n    \
                  fn appended(&self, number: u64) -> u64 {\n        number * 2\n    }\n",
    },
    Edit {
        file: EXPORT,
        find: "    fn supports_prefix(&self) -> bool {\n",
        replace: "    fn appended(&self, number: u64) -> u64 {\n        number * 2\n    }\n\n    \
                  fn supports_prefix(&self) -> bool {\n",
    },
    Edit {
        file: EXPORT,
        find: "        logging::install(plugin, host);\n",
        replace: "        logging::install(plugin, host);\n        \
                  let answer = host.appended().map_or(0, |service| service(6));\n        \
                  ANSWER.store(answer, std::sync::atomic::Ordering::SeqCst);\n",
    },
    Edit {
        file: EXPORT,
        find: "        open_storage_over,\n    }\n    .leak_into_prefix()\n}\n",
        replace: "        open_storage_over,\n        appended,\n    }\n    .leak_into_prefix()\n}\n\n\
                  static ANSWER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);\n\n\
                  extern \"C\" fn appended() -> u64 {\n    ANSWER.load(std::sync::atomic::Ordering::SeqCst)\n}\n",
    },
    // The host's side.
    Edit {
        file: "src/abi/services.rs",
        find: "HostServices { log_enabled, log, span_open, span_close }.leak_into_prefix());\n    *SERVICES\n}\n",
        replace: "HostServices { log_enabled, log, span_open, span_close, appended }.leak_into_prefix());\n    \
                  *SERVICES\n}\n\nextern \"C\" fn appended(number: u64) -> u64 {\n    number * 7\n}\n",
    },
    Edit {
        file: "src/abi/handshake.rs",
        find: "    /// The plugin's name.\n",
        replace: r#"    /// What of the appended entries the plugin has.
    pub async fn appended(&self, options: &Value) -> Result<Vec<String>> {
        let field = self.module.appended().map(|read| read());
        let opened = self.module.open_storage()("files".into(), options.to_string().into()).await;
        let storage = opened.into_result()?.appended(20);
        let opened = self.module.open_compression()("turn".into(), "{}".into());
        let compression = opened.into_result()?.appended(20);
        Ok(vec![format!("field {field:?}, storage {storage}, compression {compression}")])
    }

    /// The plugin's name.
"#,
    },
];
