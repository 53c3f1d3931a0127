use super::*;
use persist_test_support::Postgres;

#[test]
fn names_are_quoted() {
    let names = Names::new("public", r#"o"; DROP TABLE x; --"#).unwrap();
    assert_eq!(names.quoted, r#""public"."o""; DROP TABLE x; --""#);
    assert!(names.load.contains(&names.quoted));
    Names::new("p", &"x".repeat(MAX_NAME_BYTES)).unwrap();
}

/// Runs a statement as EXPLAIN ANALYZE, with whatever plan fits all parameters and with one for these.
fn plans(server: &Postgres, database: &str, sql: &str, types: &str, values: &str) -> [String; 2] {
    ["force_generic_plan", "force_custom_plan"].map(|mode| {
        let statements = format!(
            "SET plan_cache_mode = {mode}; PREPARE p ({types}) AS {sql}; \
             EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) EXECUTE p ({values})"
        );
        server.sql(database, &statements)
    })
}

/// How many rows the scans of the table read.
fn rows_read(plan: &str) -> u64 {
    let number = |line: &str, name: &str| {
        let text = line.split(name).nth(1).unwrap_or_else(|| panic!("{name} is not in {line}"));
        text.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse::<u64>().unwrap()
    };
    let scans = plan.lines().filter(|line| line.contains(" on persist_objects"));
    scans.map(|line| number(line, "rows=") * number(line, "loops=")).sum()
}

#[test]
fn listings_read_a_range_of_the_index_and_no_more() {
    let server = Postgres::shared();
    let database = server.create_database("plans", "");
    let names = Names::new("public", "persist_objects").unwrap();
    server.sql(&database, &crate::table::script_of(&names));
    server.sql(
        &database,
        "INSERT INTO persist_objects (key, data) \
         SELECT format('s/%s/%s', d, k), '' FROM generate_series(1, 20) d, generate_series(1, 1000) k; \
         INSERT INTO persist_objects (key, data) SELECT format('s/%s-object', o), '' FROM generate_series(1, 5) o; \
         ANALYZE persist_objects",
    );
    let cases = [
        (names.list(true), "text, text, int8", "'s/7/', 's/70', 11", 11),
        (names.list(false), "text, int8", "'s/7/', 11", 11),
        (names.list_directory(true), "text, text, int8, int4", "'s/', 's0', 1001, 2", 25),
        (names.list_directory(false), "text, int8, int4", "'', 1001, 0", 1),
    ];
    for (sql, types, values, entries) in cases {
        for plan in plans(&server, &database, &sql, types, values) {
            assert!(plan.contains("using persist_objects_pkey on persist_objects"), "{plan}");
            assert!(
                !plan.contains("Seq Scan") && !plan.contains("Sort") && !plan.contains("Bitmap"),
                "{plan}"
            );
            // One more where the server rounds the average of its steps up.
            assert!((entries..=entries + 1).contains(&rows_read(&plan)), "{plan}");
        }
    }
}
