//! What must hold for every plan.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// 2026-01-01T00:00:00Z
const START: i64 = 1_767_225_600_000_000;

const MINUTE: i64 = 60_000_000;

/// Sessions with gaps, with times in no order over two years, and with several snapshots of one moment.
fn sessions() -> impl Strategy<Value = Vec<Candidate>> {
    let snapshot = (0..300_u64, 0..1_051_200_i64, 0..4_u8, any::<bool>());
    proptest::collection::vec(snapshot, 0..60).prop_map(|snapshots| {
        let mut seen = BTreeSet::new();
        let first = snapshots.into_iter().filter(|(at, ..)| seen.insert(*at));
        first
            .map(|(at, minutes, label, is_named)| {
                // Steps of seven hours bring equal times; the others fall anywhere.
                let minutes = if label == 0 { minutes / 420 * 420 } else { minutes };
                let mut candidate = candidate(at, Timestamp::from_micros(START + minutes * MINUTE).unwrap());
                if label > 1 {
                    candidate.labels.insert("kind".to_owned(), label.to_string());
                }
                candidate.name = is_named.then(|| format!("n{at}").parse().unwrap());
                candidate
            })
            .collect()
    })
}

fn rules() -> impl Strategy<Value = KeepRules> {
    let counts =
        || proptest::option::weighted(0.4, (1..12_u64).prop_map(|value| NonZeroU64::new(value).unwrap()));
    let periods = proptest::sample::select(vec!["1h", "36h", "3d", "2w", "1m", "1m2w3d4h", "1y"]);
    let labels = proptest::sample::subsequence(vec!["kind", "kind=2", "kind=3", "other"], 0..3);
    let zones = proptest::sample::select(vec!["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia"]);
    (
        [counts(), counts(), counts(), counts(), counts(), counts()],
        proptest::option::weighted(0.3, periods),
        labels,
        proptest::bool::weighted(0.1),
        zones,
    )
        .prop_map(|([last, hourly, daily, weekly, monthly, yearly], within, labels, named, zone)| KeepRules {
            last,
            within: within.map(|text| text.parse().unwrap()),
            hourly,
            daily,
            weekly,
            monthly,
            yearly,
            labels: labels.into_iter().map(|text| text.parse().unwrap()).collect(),
            named,
            timezone: zone.parse().unwrap(),
        })
        .prop_filter("a rule", |rules| !rules.is_empty())
}

/// The rules of both, in the time zone of the first.
fn joined(first: &KeepRules, second: &KeepRules) -> KeepRules {
    KeepRules {
        last: first.last.max(second.last),
        within: first.within.or(second.within),
        hourly: first.hourly.max(second.hourly),
        daily: first.daily.max(second.daily),
        weekly: first.weekly.max(second.weekly),
        monthly: first.monthly.max(second.monthly),
        yearly: first.yearly.max(second.yearly),
        labels: first.labels.iter().chain(&second.labels).cloned().collect(),
        named: first.named || second.named,
        timezone: first.timezone.clone(),
    }
}

/// A present after every time of these sessions.
fn now() -> Timestamp {
    time("2030-01-01T00:00:00Z")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_snapshot_is_either_kept_or_deleted(rules in rules(), candidates in sessions()) {
        let plan = plan(&rules, &candidates, now()).unwrap();
        let kept: Vec<_> = plan.keep.iter().map(|kept| kept.index).collect();
        prop_assert!(kept.is_sorted() && plan.delete.is_sorted());
        let mut both: Vec<_> = kept.iter().chain(&plan.delete).copied().collect();
        both.sort_unstable();
        let mut all: Vec<_> = candidates.iter().map(|candidate| candidate.index).collect();
        all.sort_unstable();
        prop_assert_eq!(both, all);
        let deleted = candidates.iter().filter(|candidate| !kept.contains(&candidate.index));
        prop_assert_eq!(plan.delete_bytes, deleted.map(|candidate| candidate.stored_bytes).sum::<u64>());
        prop_assert!(plan.keep.iter().all(|kept| !kept.reasons.is_empty()));
    }

    #[test]
    fn the_newest_snapshot_is_always_kept(rules in rules(), candidates in sessions()) {
        let plan = plan(&rules, &candidates, now()).unwrap();
        let newest = candidates.iter().map(|candidate| candidate.index).max();
        prop_assert_eq!(plan.keep.last().map(|kept| kept.index), newest);
        prop_assert!(plan.keep.last().is_none_or(|kept| kept.reasons[0] == Reason::Newest));
    }

    #[test]
    fn more_rules_never_delete_more(first in rules(), second in rules(), candidates in sessions()) {
        let fewer = plan(&first, &candidates, now()).unwrap();
        let more = plan(&joined(&first, &second), &candidates, now()).unwrap();
        let fewer: BTreeSet<_> = fewer.delete.into_iter().collect();
        let more: BTreeSet<_> = more.delete.into_iter().collect();
        prop_assert!(more.is_subset(&fewer), "{more:?} {fewer:?}");
    }

    #[test]
    fn planning_again_for_what_is_kept_deletes_nothing(rules in rules(), candidates in sessions()) {
        let once = plan(&rules, &candidates, now()).unwrap();
        let left: Vec<_> =
            candidates.into_iter().filter(|candidate| !once.delete.contains(&candidate.index)).collect();
        let again = plan(&rules, &left, now()).unwrap();
        prop_assert_eq!(again.delete, []);
        // Nor do the reasons of what is kept change.
        prop_assert_eq!(again.keep, once.keep);
    }

    #[test]
    fn the_order_of_the_candidates_means_nothing(
        rules in rules(), (sorted, shuffled) in sessions().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        prop_assert_eq!(plan(&rules, &sorted, now()), plan(&rules, &shuffled, now()));
    }

    #[test]
    fn counts_keep_as_many_as_they_say(count in 1..40_u64, candidates in sessions()) {
        let last = KeepRules { last: NonZeroU64::new(count), ..KeepRules::default() };
        let plan = plan(&last, &candidates, now()).unwrap();
        prop_assert_eq!(plan.keep.len(), candidates.len().min(count as usize));
    }
}
