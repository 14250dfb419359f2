//! The pages of `docs` show code of the examples, which is compiled and tested; and the index says how long they are.

use std::{fs, path::Path};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn read(path: &str) -> String {
    match fs::read_to_string(root().join(path)) {
        Ok(text) => text,
        Err(error) => panic!("{path}: {error}"),
    }
}

/// A block of Rust is an excerpt of the file that the line above it names.
#[test]
fn what_the_pages_show_is_in_the_examples() {
    let pages = [
        "docs/actions.md",
        "docs/crdts.md",
        "docs/event-sourced-entities.md",
        "docs/value-entities.md",
    ];
    for page in pages {
        let text = read(page);
        let mut excerpts = 0;
        for block in text.split("```rust\n").skip(1).zip(text.split("```rust\n")) {
            let (after, before) = block;
            let code = after.split("```").next().unwrap();
            let source = before.trim_end().lines().last().unwrap();
            let source = source
                .strip_prefix("<!-- from ")
                .and_then(|line| line.strip_suffix(" -->"));
            let Some(source) = source else {
                panic!("{page}: no `<!-- from FILE -->` above\n{code}");
            };
            assert!(
                read(source).contains(code),
                "{page}: not in {source}:\n{code}"
            );
            excerpts += 1;
        }
        assert!(excerpts > 0, "{page} shows nothing");
    }
}

#[test]
fn the_index_counts_lines() {
    let index = read("examples/README.md");
    let mut counted = 0;
    for row in index
        .lines()
        .filter(|line| line.starts_with("| `cargo run"))
    {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let command = cells[1].trim_matches('`');
        let program = match command.split_once("--bin ") {
            Some((_, name)) => format!("examples/topics/src/bin/{name}.rs"),
            None => "examples/shopping-cart/src/main.rs".to_owned(),
        };
        let source = read(&program);
        let lines = source.lines().filter(|line| !line.trim().is_empty());
        assert_eq!(cells[3], lines.count().to_string(), "{program}");
        counted += 1;
    }
    assert_eq!(counted, 8, "a row for each example");
}
