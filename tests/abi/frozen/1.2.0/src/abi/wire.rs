//! Conversions between the public types and their C layouts.

use std::error::Error as StdError;
use std::fmt;

use abi_stable::std_types::{ROption, RResult, RString, Tuple2};
use bytes::Bytes;

use super::{
    Buffer, CallContext, Extra, WireCapabilities, WireError, WireListPage, WireListRequest, WireMeta,
    WireResult,
};
use crate::{
    Capabilities, Error, ErrorCode, ListPage, ListRequest, ObjectMeta, ReadPurpose, Request, Result,
};

/// A cause that came across the boundary as text.
#[derive(Debug)]
struct ForeignCause {
    message: String,
    source: Option<Box<ForeignCause>>,
}

impl fmt::Display for ForeignCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for ForeignCause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<Error> for WireError {
    fn from(error: Error) -> Self {
        let mut flags = 0;
        if error.is_retryable() {
            flags |= WireError::RETRYABLE;
        }
        if error.is_not_applied() {
            flags |= WireError::NOT_APPLIED;
        }
        let chain = std::iter::successors(error.source(), |&cause| cause.source());
        WireError {
            code: error.code().number(),
            flags,
            message: error.message().into(),
            chain: chain.map(|cause| RString::from(cause.to_string())).collect(),
            extra: Extra::new(),
        }
    }
}

impl From<WireError> for Error {
    fn from(wire: WireError) -> Self {
        let cause = wire.chain.iter().rev().fold(None, |source: Option<Box<ForeignCause>>, message| {
            Some(Box::new(ForeignCause { message: message.to_string(), source }))
        });
        let error = Error::new(ErrorCode::from_number(wire.code), wire.message.into_string())
            .retryable(wire.flags & WireError::RETRYABLE != 0)
            .not_applied(wire.flags & WireError::NOT_APPLIED != 0);
        match cause {
            Some(cause) => error.with_source(cause),
            None => error,
        }
    }
}

/// Turns a result of the author's trait into one that crosses.
pub(super) fn to_wire<T, W: FromPlain<T>>(result: Result<T>) -> WireResult<W> {
    match result {
        Ok(value) => RResult::ROk(W::from_plain(value)),
        Err(error) => RResult::RErr(error.into()),
    }
}

/// Turns a result that crossed into one of the author's trait.
pub(super) fn from_wire<T, W: IntoPlain<T>>(result: WireResult<W>) -> Result<T> {
    match result {
        RResult::ROk(value) => Ok(value.into_plain()),
        RResult::RErr(error) => Err(error.into()),
    }
}

/// Makes a C layout out of a public type.
pub(super) trait FromPlain<T> {
    fn from_plain(value: T) -> Self;
}

/// Makes a public type out of its C layout.
pub(super) trait IntoPlain<T> {
    fn into_plain(self) -> T;
}

macro_rules! itself {
    ($($type:ty),*) => {$(
        impl FromPlain<$type> for $type {
            fn from_plain(value: $type) -> Self {
                value
            }
        }
        impl IntoPlain<$type> for $type {
            fn into_plain(self) -> $type {
                self
            }
        }
    )*};
}
itself!((), bool);

impl FromPlain<Bytes> for Buffer {
    fn from_plain(value: Bytes) -> Self {
        value.into()
    }
}

impl FromPlain<Vec<u8>> for Buffer {
    fn from_plain(value: Vec<u8>) -> Self {
        Bytes::from(value).into()
    }
}

impl IntoPlain<Bytes> for Buffer {
    fn into_plain(self) -> Bytes {
        self.into_bytes()
    }
}

impl FromPlain<ObjectMeta> for WireMeta {
    fn from_plain(meta: ObjectMeta) -> Self {
        WireMeta {
            key: meta.key.into(),
            size: meta.size,
            modified_unix_ms: meta.modified_unix_ms.into(),
            etag: meta.etag.map(RString::from).into(),
            extra: Extra::new(),
        }
    }
}

impl IntoPlain<ObjectMeta> for WireMeta {
    fn into_plain(self) -> ObjectMeta {
        ObjectMeta::new(self.key, self.size)
            .with_modified_unix_ms(self.modified_unix_ms.into())
            .with_etag(plain_text(self.etag))
    }
}

impl FromPlain<ListPage> for WireListPage {
    fn from_plain(page: ListPage) -> Self {
        WireListPage {
            objects: page.objects.into_iter().map(WireMeta::from_plain).collect(),
            prefixes: page.prefixes.into_iter().map(RString::from).collect(),
            next: page.next.map(RString::from).into(),
            extra: Extra::new(),
        }
    }
}

impl IntoPlain<ListPage> for WireListPage {
    fn into_plain(self) -> ListPage {
        ListPage::new(
            self.objects.into_iter().map(IntoPlain::into_plain).collect(),
            self.prefixes.into_iter().map(String::from).collect(),
            plain_text(self.next),
        )
    }
}

impl From<WireListRequest> for ListRequest {
    fn from(request: WireListRequest) -> Self {
        ListRequest {
            prefix: request.prefix.into(),
            start_after: plain_text(request.start_after),
            by_directory: request.by_directory,
            limit: request.limit,
            continuation: plain_text(request.continuation),
        }
    }
}

impl From<ListRequest> for WireListRequest {
    fn from(request: ListRequest) -> Self {
        WireListRequest {
            prefix: request.prefix.into(),
            start_after: request.start_after.map(RString::from).into(),
            by_directory: request.by_directory,
            limit: request.limit,
            continuation: request.continuation.map(RString::from).into(),
            extra: Extra::new(),
        }
    }
}

impl FromPlain<Capabilities> for WireCapabilities {
    fn from_plain(capabilities: Capabilities) -> Self {
        let flag = |on: bool, bit: u64| if on { bit } else { 0 };
        WireCapabilities {
            flags: flag(capabilities.atomic_create, Self::ATOMIC_CREATE)
                | flag(capabilities.durable, Self::DURABLE)
                | flag(capabilities.consistent_list, Self::CONSISTENT_LIST)
                | flag(capabilities.ordered_recursive_list, Self::ORDERED_RECURSIVE_LIST)
                | flag(capabilities.keeps_versions, Self::KEEPS_VERSIONS),
            max_object_size: capabilities.max_object_size.into(),
            extra: Extra::new(),
        }
    }
}

impl IntoPlain<Capabilities> for WireCapabilities {
    fn into_plain(self) -> Capabilities {
        let has = |bit: u64| self.flags & bit != 0;
        Capabilities::none()
            .atomic_create(has(Self::ATOMIC_CREATE))
            .durable(has(Self::DURABLE))
            .consistent_list(has(Self::CONSISTENT_LIST))
            .ordered_recursive_list(has(Self::ORDERED_RECURSIVE_LIST))
            .keeps_versions(has(Self::KEEPS_VERSIONS))
            .max_object_size(self.max_object_size.into())
    }
}

/// The names of a call's pairs.
const READ_PURPOSE: &str = "read_purpose";
const REQUEST_ID: &str = "request_id";
const TRACEPARENT: &str = "traceparent";

impl CallContext {
    /// What accompanies a call that is made now.
    pub(super) fn current() -> Self {
        Self::of(&Request::current(), ReadPurpose::current())
    }

    fn of(request: &Request, purpose: ReadPurpose) -> Self {
        let pairs = [
            (REQUEST_ID, request.id.as_deref()),
            (TRACEPARENT, request.traceparent.as_deref()),
            (READ_PURPOSE, purpose.name()),
        ];
        let pair = |name, value: &str| Tuple2(RString::from(name), RString::from(value));
        Self { extra: pairs.into_iter().filter_map(|(name, value)| Some(pair(name, value?))).collect() }
    }
}

impl From<&CallContext> for ReadPurpose {
    fn from(context: &CallContext) -> Self {
        let said = context.extra.iter().find(|pair| pair.0 == READ_PURPOSE);
        said.map_or(Self::Decide, |pair| Self::named(&pair.1))
    }
}

impl From<CallContext> for Request {
    fn from(context: CallContext) -> Self {
        let mut request = Self::default();
        for Tuple2(name, value) in context.extra {
            match name.as_str() {
                REQUEST_ID => request.id = Some(value.as_str().into()),
                TRACEPARENT => request.traceparent = Some(value.as_str().into()),
                // A newer host may say more.
                _ => {}
            }
        }
        request
    }
}

fn plain_text(text: ROption<RString>) -> Option<String> {
    text.into_option().map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_crosses_and_what_is_unknown_is_passed_over() {
        let request = Request::with_id("7f").with_traceparent("00-ab-cd-01");
        let mut context = CallContext::of(&request, ReadPurpose::Content);
        context.extra.push(Tuple2("later".into(), "x".into()));
        assert_eq!(ReadPurpose::from(&context), ReadPurpose::Content);
        assert_eq!(Request::from(context), request);
        let nothing = CallContext::of(&Request::default(), ReadPurpose::Decide);
        assert!(nothing.extra.is_empty());
        assert_eq!(ReadPurpose::from(&nothing), ReadPurpose::Decide);
    }

    #[test]
    fn an_error_crosses_with_its_flags_and_its_chain() {
        let inner = Error::new(ErrorCode::OTHER, "inner").with_source(std::io::Error::other("root"));
        let error = Error::new(ErrorCode::TIMEOUT, "outer").retryable(true).with_source(inner);
        let back = Error::from(WireError::from(error));
        assert_eq!(back.code(), ErrorCode::TIMEOUT);
        assert!(back.is_retryable() && !back.is_not_applied());
        assert_eq!(back.to_string(), "outer");
        let first = back.source().unwrap();
        assert_eq!(first.to_string(), "inner");
        assert_eq!(first.source().unwrap().to_string(), "root");
        assert!(first.source().unwrap().source().is_none());
    }
}
