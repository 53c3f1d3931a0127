//! Spans of the calendar, as people write them: `1y5m7d2h`.

use std::fmt;
use std::str::FromStr;

use jiff::{Span, SpanFieldwise, Zoned};
use serde::{Serialize, Serializer};

use super::InvalidRule;

/// A span of years, months, weeks, days and hours that is longer than nothing, written like `30d` or `1y5m7d2h`.
///
/// Years, months, weeks and days are those of the calendar: how many hours they have depends on where they begin, and
/// on the time zone. `m` stands for months.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period(SpanFieldwise);

impl Period {
    /// The moment that lies this far before `end`; `None` when the calendar does not reach back so far. A day that a
    /// shorter month does not have becomes that month's last.
    pub(super) fn before(self, end: &Zoned) -> Option<Zoned> {
        end.checked_sub(self.0.0).ok()
    }
}

impl FromStr for Period {
    type Err = InvalidRule;

    fn from_str(text: &str) -> Result<Self, InvalidRule> {
        let invalid = |problem| InvalidRule::Period { text: text.to_owned(), problem };
        let mut span = Span::new();
        let mut seen = String::new();
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(|character: char| !character.is_ascii_digit());
            let (digits, after) = rest.split_at(end.ok_or_else(|| invalid("a number has no unit"))?);
            if digits.is_empty() {
                return Err(invalid("a number is missing"));
            }
            let number: i64 = digits.parse().map_err(|_| invalid("a number is too large"))?;
            let mut characters = after.chars();
            let set = match characters.next() {
                Some('y') => Span::try_years,
                Some('m') => Span::try_months,
                Some('w') => Span::try_weeks,
                Some('d') => Span::try_days,
                Some('h') => Span::try_hours,
                _ => return Err(invalid("a unit is unknown")),
            };
            span = set(span, number).map_err(|_| invalid("a number is too large"))?;
            rest = characters.as_str();
            let unit = &after[..after.len() - rest.len()];
            if seen.contains(unit) {
                return Err(invalid("a unit stands twice"));
            }
            seen.push_str(unit);
        }
        if span.is_zero() {
            return Err(invalid(if text.is_empty() { "it is empty" } else { "it is no time at all" }));
        }
        Ok(Self(span.fieldwise()))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = self.0.0;
        let fields = [
            (i64::from(span.get_years()), 'y'),
            (i64::from(span.get_months()), 'm'),
            (i64::from(span.get_weeks()), 'w'),
            (i64::from(span.get_days()), 'd'),
            (i64::from(span.get_hours()), 'h'),
        ];
        fields
            .iter()
            .filter(|(number, _)| *number > 0)
            .try_for_each(|(number, unit)| write!(formatter, "{number}{unit}"))
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_read_in_any_order_and_written_from_large_to_small() {
        for (text, shown) in [
            ("30d", "30d"),
            ("1y5m7d2h", "1y5m7d2h"),
            ("2h7d5m1y", "1y5m7d2h"),
            ("3w", "3w"),
            ("007d", "7d"),
            ("0y36h", "36h"),
        ] {
            let period: Period = text.parse().unwrap();
            assert_eq!(period.to_string(), shown);
            assert_eq!(shown.parse::<Period>().unwrap(), period);
        }
        assert_ne!("7d".parse::<Period>(), "1w".parse::<Period>());
    }

    #[test]
    fn refusals_say_what_is_wrong() {
        for (text, expected) in [
            ("", "it is empty"),
            ("30", "a number has no unit"),
            ("d", "a number is missing"),
            ("-3d", "a number is missing"),
            ("1d 2h", "a number is missing"),
            ("3s", "a unit is unknown"),
            ("3D", "a unit is unknown"),
            ("3é", "a unit is unknown"),
            ("1d2d", "a unit stands twice"),
            ("0d0h", "it is no time at all"),
            ("20000y", "a number is too large"),
            ("99999999999999999999d", "a number is too large"),
        ] {
            match text.parse::<Period>() {
                Err(InvalidRule::Period { problem, .. }) => assert_eq!(problem, expected, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
