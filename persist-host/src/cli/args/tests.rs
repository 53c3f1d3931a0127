//! What the arguments accept and refuse.

use clap::CommandFactory as _;

use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn global_flags_stand_before_and_after_the_verb() {
    for line in [
        "persist --json --store s --plugin-dir a --plugin-dir b list x",
        "persist list x --plugin-dir a --plugin-dir b --json --store s",
    ] {
        let global = parse(line).unwrap().global;
        assert!(global.json, "{line}");
        assert_eq!(global.store.as_deref(), Some("s"));
        assert_eq!(global.plugin_dir, [PathBuf::from("a"), PathBuf::from("b")]);
    }
}

#[test]
fn load_is_restore() {
    let cli = parse("persist load a/b@3 -o -").unwrap();
    let Command::Restore(args) = cli.command else { panic!("not restore: {:?}", cli.command) };
    assert_eq!(args.reference.to_string(), "a/b@3");
}

#[test]
fn malformed_arguments_are_usage_errors() {
    for line in [
        "persist",
        "persist save a",
        "persist save a/b@1",
        "persist save a/b --label x",
        "persist save a/b --label =x",
        "persist save a/b --write-id zz",
        "persist save a/b --parent -1",
        "persist restore a/b@x",
        "persist list a/b@1",
        "persist show a",
        "persist diff a/b",
        "persist diff a/b@1 a",
        "persist attachment",
        "persist attachment put a/b",
        "persist attachment put a/b n --once --keep",
        "persist attachment get a/b@0",
        "persist attachment list a",
        "persist verify a@1",
        "persist repair a/b@1",
        "persist delete",
        "persist fork a/b",
        "persist fork a/b c",
        "persist copy a/b",
        "persist migrate --from a",
        "persist migrate --to a",
        "persist migrate --from a --to b --verify --dry-run",
        "persist export",
        "persist export a --all",
        "persist export a/b@1",
        "persist import",
        "persist prune --keep-last 1",
        "persist prune a --all --keep-last 1",
        "persist prune a/b@1 --keep-last 1",
        "persist prune a --keep-last 0",
        "persist prune a --keep-within 30",
        "persist prune a --keep-label =x",
        "persist prune a --keep-last 1 --timezone Mars",
        "persist gc",
        "persist gc a --all",
        "persist compact a/b@1",
        "persist log a",
        "persist label a/b",
        "persist label a/b x",
        "persist stats a/b@1",
        "persist bench",
        "persist doctor --timeout 0",
        "persist bench states --generate 2,1k,10",
        "persist bench --generate 2,1k",
        "persist bench states --steps 0",
        "persist completions shell",
        "persist plugins check",
        "persist plugins lock --verify --output f",
        "persist plugins check x.so --timeout 0",
        "persist plugins check x.so --options 5",
        "persist plugins check x.so --adapter a",
        "persist plugins new",
        "persist plugins new storage",
        "persist plugins new stories x",
        "persist plugins new storage X",
        "persist list --log-level loud",
    ] {
        assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
    }
}
