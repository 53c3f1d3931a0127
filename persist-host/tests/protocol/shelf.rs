//! Storage in memory whose every operation waits until the schedule answers it, with whatever fault the schedule picks.
//!
//! A torn write is no fault here: an adapter's contract is that an object is whole or not there.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use persist_host::Expect;
use persist_plugin_api::{
    self as plugin, Capabilities, ErrorCode, ListPage, ListRequest, ObjectMeta, StorageAdapter,
};

use crate::oracle::Oracle;

/// What happens to one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// Nothing: it is done and acknowledged.
    None,
    /// It is done, and the acknowledgement is lost.
    LostReply,
    /// It times out, and is done at any later time or never.
    Late,
    /// It is done and acknowledged, and done again at any later time, as a client or a proxy that retries does.
    Repeated,
    /// It fails, certainly without effect.
    Refused,
    /// It is done, but may not last.
    NotDurable,
    /// It fails before it could be asked: a read.
    Unreachable,
    /// A listing lacks recent objects and shows removed ones.
    Stale,
}

/// An operation as it was sent.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Create(String, Bytes),
    Overwrite(String, Bytes),
    Remove(String),
    Load(String),
    Stat(String),
    List(ListRequest),
}

impl Operation {
    pub(crate) fn is_mutation(&self) -> bool {
        matches!(self, Self::Create(..) | Self::Overwrite(..) | Self::Remove(_))
    }

    pub(crate) fn key(&self) -> &str {
        match self {
            Self::Create(key, _) | Self::Overwrite(key, _) => key,
            Self::Remove(key) | Self::Load(key) | Self::Stat(key) => key,
            Self::List(request) => &request.prefix,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Create(..) => "create",
            Self::Overwrite(..) => "overwrite",
            Self::Remove(_) => "remove",
            Self::Load(_) => "load",
            Self::Stat(_) => "stat",
            Self::List(_) => "list",
        }
    }
}

enum Answer {
    Done,
    Object(Bytes),
    Size(u64),
    Page(ListPage),
}

/// An operation on its way, with what its sender was doing.
pub(crate) struct Request {
    id: u64,
    pub(crate) actor: usize,
    pub(crate) operation: Operation,
    /// The save that it is for.
    save: Option<usize>,
    /// For how many more steps it stays on its way.
    pub(crate) held: usize,
    waker: Option<Waker>,
}

/// What an actor is doing, so that its requests can be attributed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Doing {
    pub(crate) save: Option<usize>,
    /// Faults that met it since it began what it is doing.
    pub(crate) faults: usize,
}

/// The store's objects, the requests on their way, and what is known of both.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) objects: BTreeMap<String, Bytes>,
    recent: Vec<(String, Option<u64>)>,
    pub(crate) requests: Vec<Request>,
    answers: BTreeMap<u64, plugin::Result<Answer>>,
    pub(crate) late: Vec<(Operation, Option<usize>)>,
    pub(crate) oracle: Oracle,
    pub(crate) doing: Vec<Doing>,
    pub(crate) current: usize,
    /// Whether operations are answered at once and without faults.
    pub(crate) direct: bool,
    pub(crate) trace: Option<Vec<String>>,
    pub(crate) operations: usize,
    pub(crate) faults: BTreeMap<Fault, usize>,
    directly_saving: Option<usize>,
    next_id: u64,
}

impl World {
    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(line());
        }
    }

    /// Registers a save that is made directly.
    pub(crate) fn direct_save(&mut self, session: usize, state: Bytes) -> usize {
        let save = self.oracle.begin_save(session, state, Expect::Any);
        self.directly_saving = Some(save);
        save
    }

    /// Answers the request at `at`. `listed` tells which of the recent changes a stale listing misses.
    pub(crate) fn answer(&mut self, at: usize, fault: Fault, listed: &mut dyn FnMut() -> bool) {
        let request = self.requests.remove(at);
        let Request { id, actor, operation, save, waker, .. } = request;
        self.operations += 1;
        if fault != Fault::None {
            *self.faults.entry(fault).or_default() += 1;
            if let Some(doing) = self.doing.get_mut(actor) {
                doing.faults += 1;
            }
        }
        self.note(|| {
            let fault = if fault == Fault::None { String::new() } else { format!(" [{fault:?}]") };
            format!("actor {actor}: {} {}{fault}", operation.name(), operation.key())
        });
        let answer = match fault {
            Fault::None => self.apply(&operation, save),
            Fault::LostReply => {
                drop(self.apply(&operation, save));
                Err(plugin::Error::new(ErrorCode::TIMEOUT, "no reply"))
            }
            Fault::Late => {
                self.late.push((operation, save));
                Err(plugin::Error::new(ErrorCode::TIMEOUT, "no reply"))
            }
            Fault::Repeated => {
                self.late.push((operation.clone(), save));
                self.apply(&operation, save)
            }
            Fault::Refused => {
                Err(plugin::Error::new(ErrorCode::NO_SPACE, "the disk is full").not_applied(true))
            }
            Fault::NotDurable => match self.apply(&operation, save) {
                Err(error) => Err(error),
                Ok(_) => Err(plugin::Error::new(ErrorCode::NOT_DURABLE, "the directory cannot be synced")),
            },
            Fault::Unreachable => {
                Err(plugin::Error::new(ErrorCode::UNAVAILABLE, "connection refused").retryable(true))
            }
            Fault::Stale => self.stale_listing(&operation, listed),
        };
        self.answers.insert(id, answer);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Lets a request take effect whose sender has given up on it.
    pub(crate) fn land(&mut self, at: usize) {
        let (operation, save) = self.late.remove(at);
        self.note(|| format!("late: {} {}", operation.name(), operation.key()));
        drop(self.apply(&operation, save));
    }

    fn apply(&mut self, operation: &Operation, save: Option<usize>) -> plugin::Result<Answer> {
        match operation {
            Operation::Create(key, data) => {
                if self.objects.contains_key(key) {
                    return Err(plugin::Error::already_exists(key));
                }
                self.oracle.created(key, data, save);
                self.objects.insert(key.clone(), data.clone());
                self.recent.push((key.clone(), None));
                Ok(Answer::Done)
            }
            Operation::Overwrite(key, data) => {
                self.oracle.overwritten(key, data);
                self.objects.insert(key.clone(), data.clone());
                Ok(Answer::Done)
            }
            Operation::Remove(key) => {
                self.oracle.removed(key);
                if let Some(object) = self.objects.remove(key) {
                    self.recent.push((key.clone(), Some(object.len() as u64)));
                }
                Ok(Answer::Done)
            }
            Operation::Load(key) => match self.objects.get(key) {
                Some(object) => Ok(Answer::Object(object.clone())),
                None => Err(plugin::Error::not_found(key)),
            },
            Operation::Stat(key) => match self.objects.get(key) {
                Some(object) => Ok(Answer::Size(object.len() as u64)),
                None => Err(plugin::Error::not_found(key)),
            },
            Operation::List(request) => {
                let all = self.objects.iter().map(|(key, data)| ObjectMeta::new(key, data.len() as u64));
                Ok(Answer::Page(plugin::page_of_sorted(all, request)))
            }
        }
    }

    fn stale_listing(
        &self,
        operation: &Operation,
        listed: &mut dyn FnMut() -> bool,
    ) -> plugin::Result<Answer> {
        let Operation::List(request) = operation else { return Err(plugin::Error::not_found("")) };
        let mut sizes: BTreeMap<&String, u64> =
            self.objects.iter().map(|(key, data)| (key, data.len() as u64)).collect();
        for (key, removed) in self.recent.iter().rev().take(8).filter(|_| !listed()) {
            match removed {
                None => sizes.remove(key),
                Some(size) => sizes.insert(key, *size),
            };
        }
        let all = sizes.into_iter().map(|(key, size)| ObjectMeta::new(key, size));
        Ok(Answer::Page(plugin::page_of_sorted(all, request)))
    }
}

/// The adapter. Clones share the world, as processes share a bucket.
#[derive(Clone, Default)]
pub(crate) struct Shelf(pub(crate) Arc<Mutex<World>>);

impl Shelf {
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    fn send(&self, operation: Operation) -> Sent {
        Sent { shelf: self.clone(), operation: Some(operation), id: None }
    }

    async fn mutate(&self, operation: Operation) -> plugin::Result<()> {
        self.send(operation).await.map(drop)
    }
}

/// An operation that waits for its answer.
struct Sent {
    shelf: Shelf,
    operation: Option<Operation>,
    id: Option<u64>,
}

impl Future for Sent {
    type Output = plugin::Result<Answer>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let shelf = self.shelf.clone();
        let mut world = shelf.world();
        if let Some(operation) = self.operation.take() {
            let actor = world.current;
            if world.direct {
                let save = world.directly_saving;
                return Poll::Ready(world.apply(&operation, save));
            }
            let id = world.next_id;
            world.next_id += 1;
            let save = world.doing.get(actor).and_then(|doing| doing.save);
            world.requests.push(Request { id, actor, operation, save, held: 0, waker: None });
            self.id = Some(id);
        }
        let Some(id) = self.id else { return Poll::Pending };
        if let Some(answer) = world.answers.remove(&id) {
            self.id = None;
            return Poll::Ready(answer);
        }
        if let Some(request) = world.requests.iter_mut().find(|request| request.id == id) {
            request.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        let mut world = self.shelf.world();
        world.answers.remove(&id);
        // Whoever sent it is gone; what was sent may arrive all the same.
        if let Some(at) = world.requests.iter().position(|request| request.id == id) {
            let request = world.requests.remove(at);
            if request.operation.is_mutation() {
                world.late.push((request.operation, request.save));
            }
        }
    }
}

impl StorageAdapter for Shelf {
    type Config = ();

    async fn open((): ()) -> plugin::Result<Self> {
        Ok(Self::default())
    }

    async fn capabilities(&self) -> plugin::Result<Capabilities> {
        Ok(Capabilities::none().atomic_create(true).durable(true))
    }

    async fn save(&self, key: &str, data: Bytes) -> plugin::Result<()> {
        self.mutate(Operation::Overwrite(key.to_owned(), data)).await
    }

    async fn save_if_absent(&self, key: &str, data: Bytes) -> plugin::Result<()> {
        self.mutate(Operation::Create(key.to_owned(), data)).await
    }

    async fn load(&self, key: &str) -> plugin::Result<Bytes> {
        match self.send(Operation::Load(key.to_owned())).await? {
            Answer::Object(object) => Ok(object),
            _ => Err(plugin::Error::new(ErrorCode::OTHER, "not the answer to a read")),
        }
    }

    async fn stat(&self, key: &str) -> plugin::Result<ObjectMeta> {
        match self.send(Operation::Stat(key.to_owned())).await? {
            Answer::Size(size) => Ok(ObjectMeta::new(key, size)),
            _ => Err(plugin::Error::new(ErrorCode::OTHER, "not the answer to a question for size")),
        }
    }

    async fn delete(&self, key: &str) -> plugin::Result<()> {
        self.mutate(Operation::Remove(key.to_owned())).await
    }

    async fn list(&self, request: ListRequest) -> plugin::Result<ListPage> {
        match self.send(Operation::List(request)).await? {
            Answer::Page(page) => Ok(page),
            _ => Err(plugin::Error::new(ErrorCode::OTHER, "not the answer to a listing")),
        }
    }
}
