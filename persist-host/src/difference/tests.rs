//! The comparison against a second, much simpler reading of JSON and of patches.

use proptest::prelude::*;

use super::*;

/// A JSON value as a patch sees it. Numbers are texts; objects keep their order, which equality ignores.
#[derive(Clone, Debug)]
enum Value {
    Scalar(String),
    Text(String),
    Array(Vec<Value>),
    Object(Vec<(String, Value)>),
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Scalar(one), Self::Scalar(other)) | (Self::Text(one), Self::Text(other)) => one == other,
            (Self::Array(one), Self::Array(other)) => one == other,
            (Self::Object(one), Self::Object(other)) => {
                let sorted = |members: &[(String, Value)]| {
                    let mut members = members.to_vec();
                    members.sort_by(|one, other| one.0.cmp(&other.0));
                    members
                };
                sorted(one) == sorted(other)
            }
            _ => false,
        }
    }
}

/// Reads a value from the front of a text, which must be JSON.
fn read(text: &mut &str) -> Value {
    *text = text.trim_start();
    let first = text.chars().next().unwrap();
    let close = match first {
        '"' => return Value::Text(read_string(text)),
        '{' => '}',
        '[' => ']',
        _ => {
            let end = text.find([',', ']', '}', ' ', '\n']).unwrap_or(text.len());
            let (scalar, rest) = text.split_at(end);
            *text = rest;
            return Value::Scalar(scalar.to_owned());
        }
    };
    let (mut elements, mut members) = (Vec::new(), Vec::new());
    *text = text[1..].trim_start();
    while !text.starts_with(close) {
        if first == '{' {
            let key = read_string(text);
            *text = text.trim_start().strip_prefix(':').unwrap();
            members.push((key, read(text)));
        } else {
            elements.push(read(text));
        }
        *text = text.trim_start();
        *text = text.strip_prefix(',').unwrap_or(text).trim_start();
    }
    *text = &text[1..];
    if first == '{' { Value::Object(members) } else { Value::Array(elements) }
}

fn read_string(text: &mut &str) -> String {
    let mut strings = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let string = strings.next().unwrap().unwrap();
    *text = &text[strings.byte_offset()..];
    string
}

fn parse(mut text: &str) -> Value {
    read(&mut text)
}

/// Applies a patch as RFC 6902 says.
fn apply(mut value: Value, patch: &str) -> Value {
    let Value::Array(operations) = parse(patch) else { panic!("{patch}") };
    for operation in operations {
        let Value::Object(members) = &operation else { panic!("{operation:?}") };
        let member = |name: &str| members.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let text = |name: &str| match member(name) {
            Some(Value::Text(text)) => text,
            other => panic!("{name}: {other:?}"),
        };
        apply_one(&mut value, &text("op"), &text("path"), member("value"));
    }
    value
}

fn apply_one(root: &mut Value, operation: &str, path: &str, value: Option<Value>) {
    if path.is_empty() {
        assert_eq!(operation, "replace");
        *root = value.unwrap();
        return;
    }
    let tokens: Vec<String> =
        path.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect();
    let (last, parents) = tokens.split_last().unwrap();
    let mut place = root;
    for token in parents {
        place = match place {
            Value::Array(elements) => &mut elements[token.parse::<usize>().unwrap()],
            Value::Object(members) => &mut members.iter_mut().find(|(key, _)| key == token).unwrap().1,
            other => panic!("{path} leads through {other:?}"),
        };
    }
    match place {
        Value::Array(elements) => {
            let index: usize = last.parse().unwrap();
            match operation {
                "add" => elements.insert(index, value.unwrap()),
                "remove" => drop(elements.remove(index)),
                _ => elements[index] = value.unwrap(),
            }
        }
        Value::Object(members) => {
            let found = members.iter().position(|(key, _)| key == last);
            match (operation, found) {
                ("add", None) => members.push((last.clone(), value.unwrap())),
                ("remove", Some(found)) => drop(members.remove(found)),
                ("replace", Some(found)) => members[found].1 = value.unwrap(),
                _ => panic!("{operation} {path}: {found:?}"),
            }
        }
        other => panic!("{path} leads into {other:?}"),
    }
}

/// Compares, applies the patch, and gives back the changes as short lines.
fn changes(old: &str, new: &str) -> Vec<String> {
    let found = difference(old.as_bytes(), new.as_bytes()).unwrap();
    let patch = found.to_json_patch();
    assert_eq!(validate_json(patch.as_bytes()), Ok(()), "{patch}");
    assert_eq!(apply(parse(old), &patch), parse(new), "{old}\n{new}\n{patch}");
    assert_eq!(found.same_bytes, old == new);
    found.changes.iter().map(line).collect()
}

fn line(change: &Change<'_>) -> String {
    let path = match &change.old_path {
        Some(old) => format!("{old}>{}", change.path),
        None => change.path.clone(),
    };
    match change.edit {
        Edit::Added(value) => format!("+{path} {value}"),
        Edit::Removed(value) => format!("-{path} {value}"),
        Edit::Changed { old, new, whole } => {
            let whole = whole.map(|whole| format!(" {whole:?}")).unwrap_or_default();
            format!("~{path} {old} {new}{whole}")
        }
    }
}

#[test]
fn members_are_added_removed_and_changed() {
    assert_eq!(
        changes(r#"{"a":1,"b":{"c":[true],"d":null},"e":"x"}"#, r#"{"b":{"d":0,"c":[true]},"f":{},"e":"y"}"#),
        ["-/a 1", "~/b/d null 0", r#"~/e "x" "y""#, "+/f {}"]
    );
    assert_eq!(changes("1", "[1]"), ["~ 1 [1]"]);
    assert_eq!(changes("{}", "[]"), ["~ {} []"]);
}

#[test]
fn an_insertion_moves_what_follows_and_changes_nothing_else() {
    let message = |number: usize| format!(r#"{{"role":"user","text":"message {number}"}}"#);
    let list = |messages: Vec<String>| format!(r#"{{"messages":[{}]}}"#, messages.join(","));
    let old: Vec<String> = (0..3000).map(message).collect();
    let mut new = old.clone();
    new.insert(17, "\"new\"".to_owned());
    new[2000] = new[2000].replace("user", "tool");
    new.remove(2500);
    assert_eq!(
        changes(&list(old.clone()), &list(new)),
        [
            "+/messages/17 \"new\"".to_owned(),
            "~/messages/1999/role>/messages/2000/role \"user\" \"tool\"".to_owned(),
            format!("-/messages/2499>/messages/2500 {}", message(2499)),
        ]
    );
}

#[test]
fn values_are_what_is_written() {
    assert_eq!(changes("[1.0,-0,1e2]", "[1.00,0,100]"), ["~/0 1.0 1.00", "~/1 -0 0", "~/2 1e2 100"]);
    let digits = "123456789012345678901234567890.10";
    assert_eq!(changes("{}", &format!("{{\"n\":{digits}}}")), [format!("+/n {digits}")]);
    // Neither white space nor the order of members nor the form of an escape is a change.
    for (old, new) in [
        ("{\"a\":1,\"b\":2}", "{ \"b\": 2,\n\t\"a\": 1 }"),
        (r#"["\u0041\n\/"]"#, r#"["A\u000a/"]"#),
        (r#"["\uD83D\uDE00"]"#, "[\"\u{1f600}\"]"),
    ] {
        assert_eq!(changes(old, new), [""; 0], "{old} {new}");
        assert!(!difference(old.as_bytes(), new.as_bytes()).unwrap().same_bytes);
    }
    // Half of a surrogate pair is no character, and still a value.
    let halves = difference(br#"["\uD800","\uD801"]"#, br#"["\ud800","\uD802"]"#).unwrap();
    assert_eq!(halves.to_json_patch(), r#"[{"op":"replace","path":"/1","value":"\uD802"}]"#);
}

#[test]
fn ambiguous_objects_are_compared_as_a_whole() {
    let whole = |old: &str, new: &str| -> Vec<String> {
        difference(old.as_bytes(), new.as_bytes()).unwrap().changes.iter().map(line).collect()
    };
    assert_eq!(
        whole(r#"{"o":{"a":1,"a":2}}"#, r#"{"o":{"a":2,"a":1}}"#),
        [r#"~/o {"a":1,"a":2} {"a":2,"a":1} AmbiguousKeys"#]
    );
    assert_eq!(
        whole(r#"{"a":1,"\u0061":2}"#, r#"{"a":2}"#),
        [r#"~ {"a":1,"\u0061":2} {"a":2} AmbiguousKeys"#]
    );
    assert_eq!(whole(r#"{"a":1, "a":2}"#, r#"{"a":1,"a":2}"#), [""; 0]);
    assert_eq!(whole(r#"{"\uD800":1}"#, r#"{"\uD800":2}"#), [r#"~ {"\uD800":1} {"\uD800":2} AmbiguousKeys"#]);
}

#[test]
fn keys_are_escaped_in_paths() {
    assert_eq!(
        changes(r#"{"a/b":0,"~1":0,"":{"\"\n":0}}"#, r#"{"a/b":1,"~1":1,"":{"\"\n":1}}"#),
        ["~/a~1b 0 1", "~/~01 0 1", "~//\"\n 0 1"]
    );
}

#[test]
fn nesting_takes_no_stack_and_no_quadratic_list() {
    let deep = std::thread::Builder::new().stack_size(256 * 1024).spawn(|| {
        let depth = 100_000;
        let nest = |inner: &str| format!("{}{inner}{}", "[".repeat(depth), "]".repeat(depth));
        let found = nest("1");
        let found_new = nest("2");
        let found = difference(found.as_bytes(), found_new.as_bytes()).unwrap();
        assert_eq!(found.changes.len(), 1);
        assert_eq!(found.changes[0].path, "/0".repeat(depth));

        // A change on every level, whose paths together have 10 GB.
        let steps =
            |value: u8| format!("{}0{}", format!("{{\"a\":{value},\"b\":").repeat(depth), "}".repeat(depth));
        let (old, new) = (steps(1), steps(2));
        let found = difference(old.as_bytes(), new.as_bytes()).unwrap();
        let bytes: usize = found.changes.iter().map(|change| change.path.len()).sum();
        assert!(bytes <= walk::budget(&old, &new), "{bytes}");
        assert_eq!(found.counts(), [0, 0, found.changes.len()]);
        let Edit::Changed { whole, .. } = found.changes.last().unwrap().edit else { panic!("not changed") };
        assert_eq!(whole, Some(Whole::TooManyChanges));
    });
    deep.unwrap().join().unwrap();
}

#[test]
fn what_is_not_json_is_named() {
    let error = difference(b"[1]", b"[1").unwrap_err();
    let DifferenceError::NotJson { side, source } = &error else { panic!("{error}") };
    assert_eq!((*side, source.offset), (Side::New, 2));
    assert_eq!(error.to_string(), "the new state is not JSON");
    assert_eq!(difference(b"\xff", b"[1").unwrap_err().to_string(), "the old state is not JSON");
}

/// JSON with repeated values, awkward keys, numbers that are equal only in value, and white space here and there.
fn json() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,2})(\\.[0-9]{1,2})?([eE][+-]?[0-9])?",
        "[a-c\u{e9}~/\"\\\\\n]{0,3}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        Just("\"\\u0061\"".to_owned()),
    ];
    scalar.prop_recursive(4, 60, 8, |inner| {
        let keys = "[a-c~/\"\n]{0,2}";
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..12)
                .prop_map(|elements| format!("[{}]", elements.join(", "))),
            proptest::collection::btree_map(keys, inner, 0..8).prop_map(|members| {
                let member = |(key, value): (String, String)| {
                    format!("{}:{value}", serde_json::to_string(&key).unwrap())
                };
                format!("{{{}}}", members.into_iter().map(member).collect::<Vec<_>>().join(",\n"))
            }),
        ]
    })
}

/// Changes a value here and there: the more often `rolls` holds a small number.
fn mutate(value: &mut Value, rolls: &mut impl Iterator<Item = u8>, spare: &Value) {
    let roll = rolls.next().unwrap_or(u8::MAX);
    match value {
        _ if roll < 6 => *value = spare.clone(),
        Value::Array(elements) => {
            if roll < 40 {
                elements.insert(usize::from(roll) % (elements.len() + 1), spare.clone());
            } else if roll < 70 && !elements.is_empty() {
                elements.remove(usize::from(roll) % elements.len());
            }
            elements.iter_mut().for_each(|element| mutate(element, rolls, spare));
        }
        Value::Object(members) => {
            if roll < 40 && !members.is_empty() {
                members.remove(usize::from(roll) % members.len());
            } else if roll < 70 && members.iter().all(|(key, _)| key != "new") {
                members.insert(0, ("new".to_owned(), spare.clone()));
            } else if roll < 120 {
                members.reverse();
            }
            members.iter_mut().for_each(|(_, member)| mutate(member, rolls, spare));
        }
        Value::Scalar(_) | Value::Text(_) => {}
    }
}

fn write(value: &Value) -> String {
    match value {
        Value::Scalar(text) => text.clone(),
        Value::Text(text) => serde_json::to_string(text).unwrap(),
        Value::Array(elements) => format!("[{}]", elements.iter().map(write).collect::<Vec<_>>().join(",")),
        Value::Object(members) => {
            let member = |(key, value): &(String, Value)| {
                format!("{}: {}", serde_json::to_string(key).unwrap(), write(value))
            };
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(","))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn a_patch_makes_the_new_value_of_the_old_one(old in json(), new in json()) {
        let listed = changes(&old, &new);
        prop_assert_eq!(listed.is_empty(), parse(&old) == parse(&new));
        prop_assert!(changes(&old, &old).is_empty());
    }

    #[test]
    fn a_patch_follows_edits(old in json(), spare in json(), rolls in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut edited = parse(&old);
        mutate(&mut edited, &mut rolls.into_iter(), &parse(&spare));
        let new = write(&edited);
        let listed = changes(&old, &new);
        prop_assert_eq!(listed.is_empty(), parse(&old) == edited);
    }

    #[test]
    fn a_patch_is_right_within_any_budget(old in json(), new in json(), budget in 0..2000_usize) {
        let hashing = tree::Hashing::new();
        let trees = [&old, &new].map(|text| tree::Tree::new(text, &hashing));
        let listed = walk::changes(&trees[0], &trees[1], budget);
        prop_assert_eq!(apply(parse(&old), &patch::json_patch(&listed)), parse(&new));
    }
}
