//! Who gave a page of a listing: the next page has to come from the same place.

use persist_plugin_api::{Error, ErrorCode, ListPage, ListRequest, Result};

/// The place that a listing comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Primary,
    /// The replica of this number.
    Replica(usize),
}

impl Source {
    /// Has the next page come from here.
    pub(crate) fn mark(self, mut page: ListPage) -> ListPage {
        let name = match self {
            Self::Primary => "p".to_owned(),
            Self::Replica(number) => number.to_string(),
        };
        page.next = page.next.map(|next| format!("{name}:{next}"));
        page
    }
}

/// Where a request that continues a listing goes, and the request as it is meant there; `None` for one that begins.
pub(crate) fn of(mut request: ListRequest) -> Result<(Option<Source>, ListRequest)> {
    let Some(continuation) = request.continuation.take() else { return Ok((None, request)) };
    let (name, rest) = continuation.split_once(':').ok_or_else(unknown)?;
    let source = match name {
        "p" => Source::Primary,
        number => Source::Replica(number.parse().map_err(|_| unknown())?),
    };
    Ok((Some(source), request.continued(Some(rest.to_owned()))))
}

pub(crate) fn unknown() -> Error {
    Error::new(ErrorCode::INVALID_ARGUMENT, "the continuation is not one that this adapter gave")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_continuation_leads_back_to_where_it_came_from() {
        for source in [Source::Primary, Source::Replica(0), Source::Replica(7)] {
            let page = source.mark(ListPage::new(Vec::new(), Vec::new(), Some("a:b/c".to_owned())));
            let (back, request) = of(ListRequest::below("a").continued(page.next)).unwrap();
            assert_eq!((back, request.continuation.as_deref()), (Some(source), Some("a:b/c")));
        }
        assert_eq!(of(ListRequest::below("a")).unwrap().0, None);
        for wrong in ["", "p", "x:y", "-1:y"] {
            let error = of(ListRequest::below("").continued(Some(wrong.to_owned()))).unwrap_err();
            assert_eq!(error.code(), ErrorCode::INVALID_ARGUMENT, "{wrong}");
        }
    }
}
