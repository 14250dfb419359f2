//! The pages of `docs` show code that is compiled and tested; and the index says how long the examples are.

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

/// Every block of Rust in a page is an excerpt of the file that the line above it names; so is whatever else names one.
#[test]
fn what_the_pages_show_is_in_the_code() {
    let mut showing = Vec::new();
    for page in fs::read_dir(root().join("docs")).unwrap() {
        let page = page.unwrap().path();
        if page.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let name = page.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&page).unwrap();
        let mut excerpts = 0;
        for quote in text.split("<!-- from ").skip(1) {
            let (source, rest) = quote.split_once(" -->\n```").unwrap();
            let (_, rest) = rest.split_once('\n').unwrap();
            let code = rest.split("```").next().unwrap();
            assert!(
                read(source).contains(code),
                "{name}: not in {source}:\n{code}"
            );
            excerpts += 1;
        }
        for (before, _) in text.match_indices("```rust\n") {
            let above = text[..before].trim_end().lines().last().unwrap();
            assert!(
                above.starts_with("<!-- from "),
                "{name}: no `<!-- from FILE -->` above the code behind `{above}`"
            );
        }
        if excerpts > 0 {
            showing.push(name.to_owned());
        }
    }
    showing.sort();
    assert_eq!(
        showing,
        [
            "actions.md",
            "crdts.md",
            "event-sourced-entities.md",
            "eventing.md",
            "other-languages.md",
            "testing.md",
            "value-entities.md",
        ]
    );
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
    assert_eq!(counted, 9, "a row for each example");
}
