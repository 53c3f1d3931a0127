//! MessagePack as JSON and back, byte for byte.
//!
//! LangGraph serializes values as MessagePack. Stored as JSON they can be read, compared and stored as differences, and
//! what is given back is exactly the message that went in: a message is taken only if it is written the one way that the
//! way back writes it, with the shortest form of every length and integer and with 64-bit floats.
//!
//! | MessagePack | JSON |
//! |---|---|
//! | nil, booleans, integers, strings, arrays | the same |
//! | a 64-bit float | a number with a point or an exponent; `{"$float": "inf"}`, `"-inf"`, `"nan"` or sixteen hexadecimal digits where JSON has no number |
//! | a map of strings whose first key is none of these tags | an object, members in the same order |
//! | any other map | `{"$map": [[key, value], …]}` |
//! | bytes | `{"$bytes": "<base64>"}` |
//! | an extension whose payload is itself such a message | `{"$ext": [code, <its JSON>]}` |
//! | any other extension | `{"$ext": [code, null, "<base64>"]}` |

mod headers;
mod read;
mod text;
mod write;

pub(crate) use read::to_json;
pub(crate) use text::Malformed;
pub(crate) use write::{members, parse_typed, to_msgpack};

/// The most levels of arrays and objects in a JSON text: below what common readers of JSON accept.
const MAX_DEPTH: usize = 120;

const FLOAT: &str = "$float";
const BYTES: &str = "$bytes";
const MAP: &str = "$map";
const EXT: &str = "$ext";
/// A value of another serialization: `{"$typed": [type, "<base64>"]}`.
pub(crate) const TYPED: &str = "$typed";

/// Whether an object that begins with this key stands for something else than a map.
fn is_tag(key: &[u8]) -> bool {
    key.first() == Some(&b'$') && [FLOAT, BYTES, MAP, EXT, TYPED].iter().any(|tag| tag.as_bytes() == key)
}
