//! What is checked once all is quiet.

use std::collections::BTreeSet;

use futures_util::TryStreamExt as _;
use persist_host::{Depth, ErrorKind, SaveRequest, SnapshotInfo, SnapshotRef, Store, Tuning, VerifyRow};

use crate::oracle::SESSIONS;
use crate::script::{self, attached, attachment_name, part, parts_of, session_ref};
use crate::sim::Sim;

pub(crate) fn is_violated(sim: &Sim) -> bool {
    sim.shelf.world().oracle.violation.is_some()
}

/// Everything is maintained and checked, and again after the last request that was on its way arrived.
pub(crate) fn settle(sim: &mut Sim, tuning: Tuning) {
    maintain(sim, tuning);
    check(sim, tuning);
    sim.land_all();
    check(sim, tuning);
    maintain(sim, tuning);
    check(sim, tuning);
    check_erased(sim);
}

/// Collects and compacts, as one process alone.
pub(crate) fn maintain(sim: &Sim, tuning: Tuning) {
    if is_violated(sim) {
        return;
    }
    let store = script::open(&sim.shelf, tuning);
    for (session, _) in SESSIONS.iter().enumerate() {
        for result in [
            sim.directly(store.collect(&session_ref(session))),
            sim.directly(store.compact(&session_ref(session))),
            sim.directly(store.collect(&session_ref(session))),
        ] {
            if let Err(error) = result {
                sim.shelf.world().oracle.error("maintenance in quiet", &error, 0);
            }
        }
    }
}

/// Restores, lists and verifies everything.
pub(crate) fn check(sim: &Sim, tuning: Tuning) {
    if is_violated(sim) {
        return;
    }
    let store = script::open(&sim.shelf, tuning);
    for (session, _) in SESSIONS.iter().enumerate() {
        let (all, live, since): (Vec<u64>, Vec<u64>, _) = {
            let world = sim.shelf.world();
            let facts = &world.oracle.sessions[session];
            let all = facts.snapshots().map(|(index, _)| index).collect();
            (all, facts.live().collect(), world.oracle.begin_read(session))
        };
        for number in &all {
            let index = Some(script::index(*number));
            let reference = SnapshotRef { session: session_ref(session), index };
            let result = sim.directly(store.restore(&reference));
            let mut world = sim.shelf.world();
            match result {
                Ok(restored) => world.oracle.restored(&since, *number, &restored.state),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    world.oracle.not_found(&since, *number);
                    if live.contains(number) {
                        world.oracle.fail(format!("the live snapshot {number} was not found in quiet"));
                    }
                }
                Err(error) => world.oracle.error("restore in quiet", &error, 0),
            }
        }
        let listed =
            sim.directly(store.list(&SESSIONS[session].parse().unwrap()).try_collect::<Vec<SnapshotInfo>>());
        let rows: Vec<u64> = match listed {
            Ok(rows) => rows.iter().map(|row| row.snapshot_index.get()).collect(),
            Err(error) => return sim.shelf.world().oracle.error("list in quiet", &error, 0),
        };
        if rows != live {
            sim.shelf.world().oracle.fail(format!("listed {rows:?}, live are {live:?}"));
        }
    }
    let attachments = sim.shelf.world().oracle.attached.clone();
    for (session, number, attachment) in attachments {
        let reference = SnapshotRef { session: session_ref(session), index: Some(script::index(number)) };
        let name = attachment_name(attachment);
        let read = sim.directly(store.read_attachment(&reference, &name));
        let mut world = sim.shelf.world();
        let live = world.oracle.sessions[session].is_live(number);
        match read {
            Ok((_, content)) if live && content == attached(attachment).as_bytes() => {}
            Err(error) if !live && error.kind() == ErrorKind::NotFound => {}
            other => world.oracle.fail(format!("the attachment {name} of {number}, live {live}: {other:?}")),
        }
    }
    let verified =
        sim.directly(store.verify(&Default::default(), Depth::Data).try_collect::<Vec<VerifyRow>>());
    let mut world = sim.shelf.world();
    for row in verified.unwrap() {
        if let Some(error) = row.error {
            world.oracle.fail(format!("verify reports {}: {error}", row.key));
        }
    }
}

/// What only deleted snapshots held lies nowhere.
fn check_erased(sim: &Sim) {
    let mut world = sim.shelf.world();
    let mut kept = BTreeSet::new();
    let mut erased = BTreeSet::new();
    for session in &world.oracle.sessions {
        for (index, save) in session.snapshots() {
            let parts = parts_of(&world.oracle.saves[save].state);
            if session.is_live(index) { kept.extend(parts) } else { erased.extend(parts) }
        }
    }
    let erased = erased.difference(&kept).map(|save| part(*save));
    let attachments = world.oracle.attached.iter();
    let attachments =
        attachments.filter(|(session, index, _)| !world.oracle.sessions[*session].is_live(*index));
    let attachments = attachments.map(|(.., attachment)| attached(*attachment));
    let found = erased.chain(attachments).find_map(|part| {
        // A piece of it counts as well.
        let needle = &part.as_bytes()[16..48];
        let holds = |object: &[u8]| object.windows(needle.len()).any(|window| window == needle);
        let key = world.objects.iter().find(|(_, object)| holds(object))?.0;
        Some(format!("{key} holds what only deleted snapshots held: {part}"))
    });
    if let Some(found) = found {
        world.oracle.fail(found);
    }
}

/// Whoever is left can go on saving, whatever it remembers.
pub(crate) fn check_alive(sim: &Sim, store: &Store) {
    for (session, _) in SESSIONS.iter().enumerate() {
        if is_violated(sim) {
            return;
        }
        let mut request = SaveRequest::new(session_ref(session), "still alive");
        request.media_type = Some("text/plain".to_owned());
        let save = sim.shelf.world().direct_save(session, request.state.clone());
        let result = sim.directly(async {
            match store.save(request.clone()).await {
                // What it remembered lay below the boundary, which it knows now.
                Err(error) if error.kind() == ErrorKind::OutcomeUnknown => store.save(request).await,
                other => other,
            }
        });
        let mut world = sim.shelf.world();
        match result {
            Ok(info) => world.oracle.saved(save, info.snapshot_index.get(), info.write_id),
            Err(error) => world.oracle.error("a save in quiet", &error, 0),
        }
    }
}
