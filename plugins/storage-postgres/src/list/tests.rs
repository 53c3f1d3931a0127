use super::*;

fn bounds(request: &ListRequest) -> (String, Option<String>) {
    let bounds = Bounds::of(request).unwrap();
    (bounds.from, bounds.to)
}

#[test]
fn a_prefix_ends_before_the_next_character() {
    assert_eq!(end_of("a/").as_deref(), Some("a0"));
    assert_eq!(end_of("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
    assert_eq!(end_of("a\u{10ffff}\u{10ffff}").as_deref(), Some("b"));
    assert_eq!(end_of("\u{10ffff}"), None);
    assert_eq!(end_of(""), None);
}

#[test]
fn a_page_begins_at_the_last_of_all_bounds() {
    assert_eq!(bounds(&ListRequest::below("p/")), ("p/".to_owned(), Some("p0".to_owned())));
    assert_eq!(bounds(&ListRequest::below("p/").start_after("a")).0, "p/");
    assert_eq!(bounds(&ListRequest::below("p/").start_after("p/k")).0, "p/k\u{1}");
    let continued = ListRequest::below("p/").start_after("p/k").continued(Some("p/x0".to_owned()));
    assert_eq!(bounds(&continued).0, "p/x0");
    assert_eq!(Bounds::of(&ListRequest::below("p/").start_after("q")), None);
}

#[test]
fn what_the_server_does_not_take_is_not_sent() {
    assert_eq!(Bounds::of(&ListRequest::below("a\0")), None);
    assert_eq!(bounds(&ListRequest::below("").start_after("k\0z")).0, "k\u{1}");
    assert_eq!(bounds(&ListRequest::below("").continued(Some("k\0z".to_owned()))).0, "k\u{1}");
}
