//! Adapters that are options of others: which options they are, and opening them one inside the other.

use persist_plugin_api::host::{OpenedStorage, PART_KEYWORD, Plugin};
use persist_plugin_api::{Error as AdapterError, ErrorCode};
use serde_json::{Map, Value};

use super::registry::{AdapterKind, Plugins};
use crate::Error;

/// Why an adapter could not be opened.
pub(super) enum OpenError {
    /// The adapter, or the host on its behalf, refuses.
    Adapter(AdapterError),
    /// One of the adapters below it could not be opened; its place is in the error's context `part`.
    Part(Error),
}

/// Opens an adapter with the adapters that its options name, each in its own plugin.
///
/// `place` is where it stands among the options of the outermost adapter, empty for that one itself.
pub(super) async fn open_over(
    plugin: Plugin,
    adapter: &str,
    schema: &Value,
    options: &Value,
    others: &Plugins,
    place: &str,
) -> Result<OpenedStorage, OpenError> {
    let (options, parts) = split(schema, options).map_err(OpenError::Adapter)?;
    let mut opened = Vec::with_capacity(parts.len());
    for part in parts {
        let place = if place.is_empty() { part.place } else { format!("{place}.{}", part.place) };
        opened.push(others.open_part(&part.adapter, &part.options, place).await.map_err(OpenError::Part)?);
    }
    plugin.open_storage_over(adapter, &options, opened).await.map_err(OpenError::Adapter)
}

/// An adapter that is an option of another.
#[derive(Debug, PartialEq)]
struct Part {
    /// The option, with the number of the element in a list: `replicas[0]`.
    place: String,
    adapter: String,
    options: Value,
}

/// Takes the adapters out of options and leaves their numbers.
fn split(schema: &Value, options: &Value) -> Result<(Value, Vec<Part>), AdapterError> {
    let mut options = options.clone();
    let mut parts = Vec::new();
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, subschema) in properties.into_iter().flatten() {
        let Some(value) = options.get_mut(name) else { continue };
        if is_part(subschema) {
            take(value, name.clone(), name, &mut parts)?;
        } else if subschema.get("items").is_some_and(is_part)
            && let Value::Array(items) = value
        {
            for (number, item) in items.iter_mut().enumerate() {
                take(item, format!("{name}[{number}]"), name, &mut parts)?;
            }
        }
    }
    Ok((options, parts))
}

fn is_part(schema: &Value) -> bool {
    schema.get(PART_KEYWORD).and_then(Value::as_str) == Some(AdapterKind::Storage.as_str())
}

fn take(value: &mut Value, place: String, option: &str, parts: &mut Vec<Part>) -> Result<(), AdapterError> {
    let table = value.as_object_mut().map(std::mem::take);
    let adapter = table.as_ref().and_then(|table| table.get("adapter")).and_then(Value::as_str);
    let (Some(adapter), Some(table)) = (adapter.map(str::to_owned), &table) else {
        let whole = if place == option { String::new() } else { format!(" at {place}") };
        let found = if table.is_some() { "lacks the name of an adapter" } else { "is no table" };
        let message = format!(
            "the option \"{option}\"{whole} {found}; expected an adapter with its options, for example \
             {{ adapter = \"local\", root = \"/var/lib/persist\" }}"
        );
        return Err(AdapterError::new(ErrorCode::CONFIG, message));
    };
    let options: Map<String, Value> = table
        .iter()
        .filter(|(key, _)| *key != "adapter")
        .map(|(key, it)| (key.clone(), it.clone()))
        .collect();
    *value = Value::from(parts.len());
    parts.push(Part { place, adapter, options: Value::Object(options) });
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({"properties": {
            "cache": {"persist": "storage"},
            "replicas": {"type": "array", "items": {"persist": "storage"}},
            "codec": {"persist": "compression"},
            "max_bytes": {"type": "integer"},
        }})
    }

    #[test]
    fn adapters_are_taken_out_and_their_numbers_left() {
        let options = json!({
            "cache": {"adapter": "local", "root": "/c"},
            "replicas": [{"adapter": "memory"}, {"adapter": "tiered", "cache": {"adapter": "x"}}],
            "codec": {"adapter": "gzip"},
            "max_bytes": 7,
        });
        let (left, parts) = split(&schema(), &options).unwrap();
        let expected = json!({"cache": 0, "replicas": [1, 2], "codec": {"adapter": "gzip"}, "max_bytes": 7});
        assert_eq!(left, expected);
        let part = |place: &str, adapter: &str, options| Part {
            place: place.to_owned(),
            adapter: adapter.to_owned(),
            options,
        };
        assert_eq!(
            parts,
            [
                part("cache", "local", json!({"root": "/c"})),
                part("replicas[0]", "memory", json!({})),
                part("replicas[1]", "tiered", json!({"cache": {"adapter": "x"}})),
            ]
        );
        // What is missing is for the adapter to miss.
        assert_eq!(split(&schema(), &json!({})).unwrap(), (json!({}), Vec::new()));
    }

    #[test]
    fn what_is_no_adapter_is_refused_by_the_name_of_its_option() {
        for (options, found) in [
            (json!({"cache": "local"}), "the option \"cache\" is no table"),
            (json!({"cache": 0}), "the option \"cache\" is no table"),
            (json!({"cache": {"root": "/c"}}), "the option \"cache\" lacks the name of an adapter"),
            (
                json!({"replicas": [{"adapter": "a"}, 1]}),
                "the option \"replicas\" at replicas[1] is no table",
            ),
        ] {
            let error = split(&schema(), &options).unwrap_err();
            assert_eq!(error.code(), ErrorCode::CONFIG);
            assert!(error.message().starts_with(found), "{error}");
        }
    }
}
