//! Tables worked out by hand.

use super::*;

/// A present after every time in these tables.
const NOW: &str = "2030-01-01T00:00:00Z";

fn planned(rules: &KeepRules, candidates: &[Candidate]) -> Plan {
    plan(rules, candidates, time(NOW)).unwrap()
}

/// The indices that rules keep and, with them, the reasons.
fn table(rules: &KeepRules, candidates: &[Candidate]) -> Vec<(u64, String)> {
    let plan = planned(rules, candidates);
    let reasons = |kept: &Kept| kept.reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    plan.keep.iter().map(|kept| (kept.index.get(), reasons(kept))).collect()
}

fn row(index: u64, reasons: &str) -> (u64, String) {
    (index, reasons.to_owned())
}

#[test]
fn a_week_of_work_under_several_rules() {
    let candidates = session(&[
        "2026-11-16T09:00:00Z", // 0: Monday
        "2026-11-16T17:00:00Z", // 1
        "2026-11-18T09:10:00Z", // 2: Wednesday
        "2026-11-18T09:50:00Z", // 3
        "2026-11-18T23:59:59Z", // 4
        "2026-11-19T00:00:00Z", // 5: Thursday
        "2026-11-22T12:00:00Z", // 6: Sunday
        "2026-11-23T08:00:00Z", // 7: Monday
        "2026-11-23T08:30:00Z", // 8
    ]);
    let rules = KeepRules {
        last: count(2),
        hourly: count(3),
        daily: count(4),
        weekly: count(5),
        ..KeepRules::default()
    };
    assert_eq!(
        table(&rules, &candidates),
        [
            row(4, "daily"),
            row(5, "hourly, daily"),
            row(6, "hourly, daily, weekly"),
            row(7, "last"),
            row(8, "newest, last, hourly, daily, weekly"),
        ]
    );
    let plan = planned(&rules, &candidates);
    assert_eq!(plan.delete, [0, 1, 2, 3].map(index));
    assert_eq!(plan.delete_bytes, 100 + 101 + 102 + 103);
}

#[test]
fn weeks_are_those_of_iso_8601_across_the_new_year() {
    let candidates = session(&[
        "2026-12-27T10:00:00Z", // 0: Sunday of week 52
        "2026-12-28T10:00:00Z", // 1: Monday of week 53
        "2026-12-31T23:59:59Z", // 2: Thursday of week 53
        "2027-01-01T00:00:00Z", // 3: Friday of week 53, of 2026 by its week and of 2027 by its year
        "2027-01-03T23:59:59Z", // 4: Sunday of week 53
        "2027-01-04T00:00:00Z", // 5: Monday of week 1
    ]);
    let weekly = KeepRules { weekly: count(9), ..KeepRules::default() };
    assert_eq!(table(&weekly, &candidates), [row(0, "weekly"), row(4, "weekly"), row(5, "newest, weekly")]);
    let monthly = KeepRules { monthly: count(9), ..KeepRules::default() };
    assert_eq!(table(&monthly, &candidates), [row(2, "monthly"), row(5, "newest, monthly")]);
    let yearly = KeepRules { yearly: count(1), ..KeepRules::default() };
    assert_eq!(table(&yearly, &candidates), [row(5, "newest, yearly")]);
    let yearly = KeepRules { yearly: count(2), ..KeepRules::default() };
    assert_eq!(table(&yearly, &candidates), [row(2, "yearly"), row(5, "newest, yearly")]);
}

#[test]
fn the_years_of_weeks_and_of_dates_differ_at_the_end_of_december_too() {
    let candidates = session(&[
        "2024-12-29T12:00:00Z", // 0: Sunday, week 52 of 2024
        "2024-12-30T12:00:00Z", // 1: Monday, week 1 of 2025
        "2025-01-05T12:00:00Z", // 2: Sunday, week 1 of 2025
        "2025-12-28T12:00:00Z", // 3: Sunday, week 52 of 2025
        "2025-12-29T12:00:00Z", // 4: Monday, week 1 of 2026, which must not be taken for week 1 of 2025
    ]);
    let rules = KeepRules { weekly: count(9), ..KeepRules::default() };
    assert_eq!(kept(&planned(&rules, &candidates)), [0, 2, 3, 4]);
}

#[test]
fn days_begin_at_midnight_of_the_time_zone() {
    let candidates = session(&[
        "2026-06-09T21:59:59Z", // 0: in Berlin 9 June, 23:59:59
        "2026-06-09T22:00:00Z", // 1: in Berlin 10 June, 00:00
        "2026-06-09T23:59:59Z", // 2: in Berlin 10 June, 01:59:59
        "2026-06-10T21:00:00Z", // 3: in Berlin 10 June, 23:00
    ]);
    let mut rules = KeepRules { daily: count(9), ..KeepRules::default() };
    assert_eq!(kept(&planned(&rules, &candidates)), [2, 3]);
    rules.timezone = "Europe/Berlin".parse().unwrap();
    assert_eq!(kept(&planned(&rules, &candidates)), [0, 3]);
}

#[test]
fn the_night_when_berlin_sets_its_clocks_forward() {
    // On 29 March 2026, 02:00 became 03:00: the day had 23 hours.
    let candidates = session(&[
        "2026-03-28T22:59:00Z", // 0: 28 March, 23:59 in winter time
        "2026-03-28T23:00:00Z", // 1: 29 March, 00:00
        "2026-03-29T00:30:00Z", // 2: 01:30, the last hour of winter time
        "2026-03-29T01:00:00Z", // 3: 03:00, the first hour of summer time
        "2026-03-29T21:59:00Z", // 4: 29 March, 23:59
        "2026-03-29T22:00:00Z", // 5: 30 March, 00:00
    ]);
    let berlin: TimeZone = "Europe/Berlin".parse().unwrap();
    let daily = KeepRules { daily: count(9), timezone: berlin.clone(), ..KeepRules::default() };
    assert_eq!(kept(&planned(&daily, &candidates)), [0, 4, 5]);
    // A day before 00:00 on 30 March is 00:00 on 29 March, 23 hours earlier; 24 hours before is not.
    let mut within =
        KeepRules { within: Some("1d".parse().unwrap()), timezone: berlin, ..KeepRules::default() };
    assert_eq!(kept(&planned(&within, &candidates)), [1, 2, 3, 4, 5]);
    within.within = Some("24h".parse().unwrap());
    assert_eq!(kept(&planned(&within, &candidates)), [0, 1, 2, 3, 4, 5]);
    within.within = Some("1d".parse().unwrap());
    within.timezone = TimeZone::default();
    assert_eq!(kept(&planned(&within, &candidates)), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn the_hour_that_berlin_has_twice_is_two_hours() {
    // On 25 October 2026, 03:00 summer time became 02:00 winter time.
    let candidates = session(&[
        "2026-10-25T00:05:00Z", // 0: 02:05 in summer time
        "2026-10-25T00:55:00Z", // 1: 02:55 in summer time
        "2026-10-25T01:05:00Z", // 2: 02:05 in winter time
        "2026-10-25T01:55:00Z", // 3: 02:55 in winter time
        "2026-10-25T02:00:00Z", // 4: 03:00
    ]);
    let mut rules =
        KeepRules { hourly: count(9), timezone: "Europe/Berlin".parse().unwrap(), ..KeepRules::default() };
    assert_eq!(kept(&planned(&rules, &candidates)), [1, 3, 4]);
    rules.hourly = count(2);
    assert_eq!(kept(&planned(&rules, &candidates)), [3, 4]);
}

#[test]
fn a_date_that_comes_twice_is_one_day() {
    // On 1 November 2009 St. John's set its clocks back at 00:01, to 23:01 on 31 October.
    let candidates = session(&[
        "2009-11-01T02:29:00Z", // 0: 31 October, 23:59 in summer time
        "2009-11-01T02:30:30Z", // 1: 1 November, 00:00:30 in summer time
        "2009-11-01T02:31:00Z", // 2: 31 October, 23:01 in winter time
        "2009-11-01T03:30:00Z", // 3: 1 November, 00:00 in winter time
    ]);
    let rules =
        KeepRules { daily: count(9), timezone: "America/St_Johns".parse().unwrap(), ..KeepRules::default() };
    assert_eq!(kept(&planned(&rules, &candidates)), [2, 3]);
}

#[test]
fn periods_count_back_from_the_newest_timestamp_and_include_their_end() {
    let candidates = session(&[
        "2020-02-29T11:59:59.999999Z", // 0
        "2020-02-29T12:00:00Z",        // 1
        "2020-03-24T11:59:59Z",        // 2
        "2020-03-24T12:00:00Z",        // 3
        "2020-03-31T12:00:00Z",        // 4
    ]);
    let within = |text: &str| {
        let rules = KeepRules { within: Some(text.parse().unwrap()), ..KeepRules::default() };
        kept(&planned(&rules, &candidates))
    };
    assert_eq!(within("1h"), [4]);
    assert_eq!(within("7d"), [3, 4]);
    assert_eq!(within("1w"), [3, 4]);
    assert_eq!(within("7d1h"), [2, 3, 4]);
    // There is no 31 February: a month back is the 29th.
    assert_eq!(within("1m"), [1, 2, 3, 4]);
    assert_eq!(within("1m1h"), [0, 1, 2, 3, 4]);
    // Further back than the calendar goes.
    assert_eq!(within("19000y"), [0, 1, 2, 3, 4]);
}

#[test]
fn clocks_that_disagree_decide_neither_what_is_last_nor_what_is_newest() {
    let candidates = session(&[
        "2026-05-04T10:00:00Z", // 0
        "2026-05-06T10:00:00Z", // 1: the newest by time
        "2026-05-05T10:00:00Z", // 2
        "2026-05-05T10:00:00Z", // 3: the same moment
        "2026-05-01T10:00:00Z", // 4: the newest by index, by a clock that is days late
    ]);
    let last = KeepRules { last: count(2), ..KeepRules::default() };
    assert_eq!(table(&last, &candidates), [row(3, "last"), row(4, "newest, last")]);
    let daily = KeepRules { daily: count(2), ..KeepRules::default() };
    assert_eq!(table(&daily, &candidates), [row(1, "daily"), row(3, "daily"), row(4, "newest")]);
    let within = KeepRules { within: Some("1d".parse().unwrap()), ..KeepRules::default() };
    assert_eq!(
        table(&within, &candidates),
        [row(1, "within"), row(2, "within"), row(3, "within"), row(4, "newest")]
    );
}

#[test]
fn labels_and_names_keep_what_they_are_on() {
    let mut candidates = session(&["2026-05-04T10:00:00Z"; 6]);
    for (at, key, value) in
        [(0, "kind", "release"), (1, "kind", "draft"), (1, "pin", ""), (3, "kind", "release")]
    {
        candidates[at].labels.insert(key.to_owned(), value.to_owned());
    }
    candidates[2].name = Some("checkpoint".parse().unwrap());
    let labels = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    let rules = KeepRules { labels: labels(&["kind=release", "pin"]), ..KeepRules::default() };
    assert_eq!(
        table(&rules, &candidates),
        [row(0, "label kind=release"), row(1, "label pin"), row(3, "label kind=release"), row(5, "newest")]
    );
    let rules = KeepRules { named: true, ..KeepRules::default() };
    assert_eq!(table(&rules, &candidates), [row(2, "named"), row(5, "newest")]);
}

#[test]
fn a_session_without_snapshots_has_an_empty_plan() {
    let rules = KeepRules { last: count(1), ..KeepRules::default() };
    assert_eq!(planned(&rules, &[]), Plan::default());
}

#[test]
fn no_rule_is_no_plan() {
    let rules = KeepRules { timezone: "Europe/Berlin".parse().unwrap(), ..KeepRules::default() };
    let error = plan(&rules, &session(&["2026-05-04T10:00:00Z"]), time(NOW)).unwrap_err();
    assert_eq!(error, RetentionError::NoRules);
    assert_eq!(crate::Error::from(error).kind(), crate::ErrorKind::Usage);
}

#[test]
fn a_timestamp_from_the_future_is_refused_whatever_the_rules() {
    let now = time("2026-05-04T10:00:00Z");
    let rules = KeepRules { last: count(1), ..KeepRules::default() };
    let tolerated = session(&["2026-05-05T10:00:00Z", "2026-05-04T10:00:00Z"]);
    assert_eq!(kept(&plan(&rules, &tolerated, now).unwrap()), [1]);
    let refused = session(&["2026-05-01T10:00:00Z", "2026-05-05T10:00:00.000001Z", "2026-05-04T10:00:00Z"]);
    let error = plan(&rules, &refused, now).unwrap_err();
    assert_eq!(
        error,
        RetentionError::Future { index: index(1), timestamp: time("2026-05-05T10:00:00.000001Z"), now }
    );
    let error = crate::Error::from(error);
    assert_eq!(
        error.to_string(),
        "snapshot 1 was saved at 2026-05-05T10:00:00.000001Z by its writer's clock, more than 24 hours after the \
         present, 2026-05-04T10:00:00.000000Z"
    );
    assert!(error.hint().unwrap().contains("persist delete"));
}

#[test]
fn an_index_given_twice_is_refused() {
    let moment = time("2026-05-04T10:00:00Z");
    let candidates = [candidate(3, moment), candidate(1, moment), candidate(3, moment)];
    let rules = KeepRules { last: count(1), ..KeepRules::default() };
    let error = plan(&rules, &candidates, time(NOW)).unwrap_err();
    assert_eq!(error, RetentionError::Duplicate { index: index(3) });
}
