//! The property: no schedule breaks what the oracle requires.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{
    Config, FailurePersistence, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner,
};

use crate::case::{Actor, Case, Report, Setting};
use crate::script::{SaveStep, Step, Which};
use crate::tape::Tapes;

/// Cases that every change runs.
const QUICK: u64 = 700;

/// How many times as many the full tests run.
const FULL: u64 = 100;

/// The first seed; seeds follow each other. Setting one runs that case alone and prints its schedule when it fails.
const SEED: &str = "PERSIST_PROTOCOL_SEED";

#[test]
fn no_schedule_breaks_the_protocol() {
    match std::env::var(SEED) {
        Ok(seed) => check(seed.parse().unwrap(), 1),
        Err(_) => check(0, QUICK),
    }
}

#[test]
#[ignore = "takes half an hour"]
fn heavy_no_schedule_of_very_many_breaks_the_protocol() {
    check(QUICK, QUICK * (FULL - 1));
}

fn check(first: u64, cases: u64) {
    let mut total = Report::default();
    for seed in first..first + cases {
        check_one(seed, &mut total);
    }
    println!(
        "{cases} cases, {} steps, {} operations, {} crashes, faults {:?}, outcomes {:#?}",
        total.steps, total.operations, total.crashes, total.faults, total.outcomes
    );
}

fn check_one(seed: u64, total: &mut Report) {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let persistence: Option<Box<dyn FailurePersistence>> = None;
    let config = Config {
        cases: 1,
        failure_persistence: persistence,
        max_shrink_iters: 4000,
        max_shrink_time: 60_000,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, rng);
    let total = std::cell::RefCell::new(total);
    let tree = case().new_tree(&mut runner).unwrap();
    let result = runner.run_one(tree, |case| {
        let report = case.run(false);
        let mut total = total.borrow_mut();
        total.steps += report.steps;
        total.operations += report.operations;
        total.crashes += report.crashes;
        add(&mut total.faults, &report.faults);
        add(&mut total.outcomes, &report.outcomes);
        report.violation.map_or(Ok(()), |violation| Err(TestCaseError::fail(violation)))
    });
    if let Err(TestError::Fail(reason, case)) = result {
        let report = case.run(true);
        panic!("{reason}\n{}\n{case:#?}\nrun it again with {SEED}={seed}", report.trace.join("\n"));
    }
}

fn add<K: Copy + Ord>(total: &mut BTreeMap<K, usize>, more: &BTreeMap<K, usize>) {
    for (key, count) in more {
        *total.entry(*key).or_default() += count;
    }
}

fn case() -> impl Strategy<Value = Case> {
    let setting = (
        select(&[2_u64, 3, 4, 8][..]),
        select(&[2_usize, 3, 16][..]),
        any::<bool>(),
        select(&[0_usize, 1, 1, 2][..]),
        select(&[0_usize, 50, 150][..]),
        prop::collection::vec(save().prop_map(Step::Save), 0..7),
    );
    let setting = setting.prop_map(|(segment_records, restore_objects, cache, faults, sleepy, before)| {
        Setting { segment_records, restore_objects, cache, before, faults, sleepy }
    });
    // One or two that save, and whoever else.
    let savers = prop::collection::vec(actor(save().prop_map(Step::Save).boxed(), 2..6), 1..3);
    let others = prop::collection::vec(anybody(), 1..6);
    let actors = (savers, others).prop_map(|(savers, others)| savers.into_iter().chain(others).collect());
    (setting, actors, Tapes(4000)).prop_map(|(setting, actors, tape)| Case { setting, actors, tape })
}

fn anybody() -> impl Strategy<Value = Actor> {
    let session = session();
    prop_oneof![
        2 => actor(save().prop_map(Step::Save).boxed(), 2..5),
        2 => actor(delete().boxed(), 1..4),
        2 => actor(session.clone().prop_map(|session| Step::Collect { session }).boxed(), 1..5),
        2 => actor(session.prop_map(|session| Step::Compact { session }).boxed(), 1..4),
        3 => actor(upkeep().boxed(), 3..8),
        2 => actor(read().boxed(), 2..5),
        1 => actor(side().boxed(), 2..5),
        1 => actor(anything().boxed(), 2..7),
    ]
}

fn actor(step: BoxedStrategy<Step>, steps: std::ops::Range<usize>) -> impl Strategy<Value = Actor> {
    let weight = select(&[50_usize, 50, 150, 15, 1][..]);
    (0..6_usize, weight, prop::collection::vec(step, steps)).prop_map(|(process, weight, steps)| Actor {
        process,
        weight,
        steps,
    })
}

fn upkeep() -> impl Strategy<Value = Step> {
    let session = session();
    prop_oneof![
        3 => delete(),
        1 => session.clone().prop_map(|session| Step::Collect { session }),
        2 => session.prop_map(|session| Step::Compact { session }),
    ]
}

fn anything() -> impl Strategy<Value = Step> {
    let session = session();
    prop_oneof![
        3 => save().prop_map(Step::Save),
        2 => delete(),
        1 => session.clone().prop_map(|session| Step::Collect { session }),
        1 => session.prop_map(|session| Step::Compact { session }),
        1 => read(),
        1 => side(),
        1 => Just(Step::Reopen),
    ]
}

fn save() -> impl Strategy<Value = SaveStep> {
    let from =
        (session(), any::<bool>(), prop::bool::weighted(0.3), prop::option::weighted(0.2, any::<u8>()));
    let rest = (any::<[u8; 2]>(), prop::bool::weighted(0.3), 0..3_u8, any::<bool>());
    (from, rest).prop_map(|((session, follow, expect, parent), (drops, named, retries, afresh))| SaveStep {
        session,
        follow,
        expect,
        parent,
        // Each part is dropped once in four times.
        drops: drops[0] & drops[1],
        named,
        retries,
        afresh,
    })
}

fn read() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (session(), any::<u8>()).prop_map(|(session, pick)| Step::Restore { session, pick }),
        1 => session().prop_map(|session| Step::RestoreNewest { session }),
    ]
}

fn side() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (session(), any::<u8>()).prop_map(|(session, pick)| Step::Attach { session, pick }),
        1 => any::<u8>().prop_map(|pick| Step::Fork { pick }),
    ]
}

fn delete() -> impl Strategy<Value = Step> {
    let which = prop_oneof![
        3 => Just(Which::AllButNewest),
        3 => any::<u8>().prop_map(Which::One),
        2 => Just(Which::Newest),
        2 => Just(Which::All),
        1 => Just(Which::Beyond),
    ];
    (session(), which).prop_map(|(session, which)| Step::Delete { session, which })
}

/// Nearly always the same session.
fn session() -> impl Strategy<Value = usize> + Clone {
    prop_oneof![9 => Just(0_usize), 1 => Just(1_usize)]
}
