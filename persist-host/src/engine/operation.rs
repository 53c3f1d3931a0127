//! An operation as its observers see it: it begins, its work runs in a span and under a request, it ends.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt as _};
use persist_plugin_api::{ReadPurpose, Request};
use tracing::{Instrument as _, Span};
use uuid::Uuid;

use super::{Store, purpose};
use crate::observe::{Facts, Observer, Operation, Outcome, Place, Report, Subject, propagation};
use crate::{Error, Result, SnapshotIndex, SnapshotInfo, VerifyRow};

tokio::task_local! {
    /// Set while an operation runs: those that it consists of are spans of it, and not told of by themselves.
    static WITHIN: ();
}

/// An operation that has not begun.
pub(super) struct Planned<'a> {
    store: &'a Store,
    operation: Operation,
    place: Place,
}

impl Store {
    /// Plans an operation; it begins when it is run.
    pub(super) fn operation(&self, operation: Operation, place: impl Into<Place>) -> Planned<'_> {
        Planned { store: self, operation, place: place.into() }
    }
}

impl<'a> Planned<'a> {
    /// Runs it.
    pub(super) async fn run<T: Report>(self, work: impl Future<Output = Result<T>>) -> Result<T> {
        if WITHIN.try_with(|()| ()).is_ok() {
            let span = self.span(None);
            return work.instrument(span).await;
        }
        let purpose = purpose::of(self.operation);
        let (request, subject, span) = self.request();
        let mut running = span.in_scope(|| Running::begin(self.store, subject, &span))?;
        // Each scope holds what it runs, and that is large.
        let work = purpose.scope(WITHIN.scope((), Box::pin(work)));
        let result = request.scope(work).instrument(span.clone()).await;
        let _entered = span.enter();
        match &result {
            Ok(value) => running.end(&Outcome::Succeeded(&value.facts())),
            Err(error) => running.end(&Outcome::Failed(error)),
        }
        result
    }

    /// Gives the rows of a listing, and ends with the last of them, with the first error or when it is dropped.
    pub(super) fn rows<T: Row>(
        self,
        rows: BoxStream<'a, Result<T>>,
    ) -> impl Stream<Item = Result<T>> + Send + use<'a, T> {
        let (request, subject, span) = self.request();
        let purpose = purpose::of(self.operation);
        Rows {
            rows,
            store: self.store,
            request,
            purpose,
            span,
            state: State::Planned(Box::new(subject)),
            count: 0,
        }
    }

    /// The request that its calls are made under, what observers are told, and its span in the caller's trace.
    fn request(&self) -> (Request, Subject, Span) {
        let mut request = Request::current();
        let request_id =
            Arc::clone(request.id.get_or_insert_with(|| Uuid::new_v4().simple().to_string().into()));
        let subject = Subject {
            operation: self.operation,
            store: Arc::clone(&self.store.shared.name),
            adapter: Arc::clone(&self.store.shared.adapter),
            place: self.place.clone(),
            request_id,
        };
        let span = self.span(Some(&subject.request_id));
        propagation::adopt(&span, &request);
        (request, subject, span)
    }

    /// The span of the operation; `request_id` is that of one which is no part of another. It has the highest level, so that
    /// the request's id stands on every line of a log that is filtered by levels. By itself it writes no line.
    fn span(&self, request_id: Option<&str>) -> Span {
        let place = &self.place;
        tracing::error_span!(
            target: "persist::operation", "operation",
            otel.name = self.operation.name(),
            otel.status_code = tracing::field::Empty,
            operation = self.operation.name(),
            request_id,
            store = &*self.store.shared.name,
            adapter = &*self.store.shared.adapter,
            agent = place.agent_id.as_ref().map(tracing::field::display),
            session = place.session_id.as_ref().map(tracing::field::display),
            index = place.snapshot_index.map(SnapshotIndex::get),
            bytes = tracing::field::Empty,
        )
    }
}

/// An operation that has begun and is told of once more, whatever becomes of it.
struct Running {
    subject: Subject,
    /// Where it is written what came of it. The span that is entered is the caller's, where this one is disabled.
    span: Span,
    observers: Arc<[Arc<dyn Observer>]>,
    started: Instant,
    ended: bool,
}

impl Running {
    fn begin(store: &Store, subject: Subject, span: &Span) -> Result<Self> {
        let observers = Arc::clone(&store.shared.observers);
        let started = Instant::now();
        for (at, observer) in observers.iter().enumerate() {
            if let Err(error) = observer.begin(&subject) {
                let outcome = Outcome::Failed(&error);
                observers.iter().take(at).for_each(|told| told.end(&subject, &outcome, started.elapsed()));
                return Err(error);
            }
        }
        Ok(Self { subject, span: span.clone(), observers, started, ended: false })
    }

    fn end(&mut self, outcome: &Outcome<'_>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let elapsed = self.started.elapsed();
        match outcome {
            Outcome::Succeeded(facts) => {
                facts.snapshot_index.map(|index| self.span.record("index", index.get()));
                facts.content_length.map(|length| self.span.record("bytes", length));
                tracing::debug!(target: "persist::operation", ?elapsed, "done");
            }
            Outcome::Failed(error) => {
                self.span.record("otel.status_code", "ERROR");
                let (kind, code) = (error.kind().name(), error.code());
                tracing::debug!(target: "persist::operation", ?elapsed, kind, code, %error, "failed");
            }
            Outcome::Cancelled => tracing::debug!(target: "persist::operation", ?elapsed, "cancelled"),
        }
        for observer in &*self.observers {
            observer.end(&self.subject, outcome, elapsed);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end(&Outcome::Cancelled);
    }
}

/// A row of a listing.
pub(super) trait Row: Send {
    /// What it reports as wrong.
    fn problem(&self) -> Option<&Error> {
        None
    }
}

impl Row for SnapshotInfo {}

impl Row for super::RepairRow {}

impl Row for VerifyRow {
    fn problem(&self) -> Option<&Error> {
        self.error.as_ref()
    }
}

/// The rows of an operation.
struct Rows<'a, T> {
    rows: BoxStream<'a, Result<T>>,
    store: &'a Store,
    request: Request,
    purpose: ReadPurpose,
    span: Span,
    state: State,
    count: u64,
}

enum State {
    Planned(Box<Subject>),
    Running(Box<Running>),
    Refused,
}

impl<T: Row> Stream for Rows<'_, T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let span = this.span.clone();
        let _entered = span.enter();
        if let State::Refused = &this.state {
            return Poll::Ready(None);
        }
        if let State::Planned(subject) = &this.state {
            match Running::begin(this.store, Subject::clone(subject), &span) {
                Ok(running) => this.state = State::Running(Box::new(running)),
                Err(error) => {
                    this.state = State::Refused;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
        let purpose = this.purpose;
        let mut poll = || purpose.within(|| this.rows.poll_next_unpin(context));
        let row = ready!(this.request.clone().within(&mut poll));
        if let State::Running(running) = &mut this.state {
            let problem = match &row {
                Some(Ok(row)) => row.problem(),
                Some(Err(error)) => Some(error),
                None => None,
            };
            match (problem, &row) {
                (Some(error), _) => running.end(&Outcome::Failed(error)),
                (None, Some(_)) => this.count += 1,
                (None, None) => {
                    let facts = Facts { count: Some(this.count), ..Facts::default() };
                    running.end(&Outcome::Succeeded(&facts));
                }
            }
        }
        Poll::Ready(row)
    }
}
