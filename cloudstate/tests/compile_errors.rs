//! The pages on compile errors say what the compiler says: they are made from the cases in `tests/ui/fail`.
//!
//! What stands above the mark in a page is written by hand; what follows is made. After a change of a case,
//! `UPDATE_PAGES=1 cargo test -p cloudstate --test compile_errors` makes it again.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

const MARK: &str = "<!-- made from the cases of the macros' tests -->\n";

/// Which page a case is on: the first of these that its name begins with.
const PAGES: &[(&str, &str)] = &[
    ("entity_", "entities"),
    ("option", "entities"),
    ("several_options", "entities"),
    ("unknown_option", "entities"),
    ("persistence_id_", "entities"),
    ("passivate_after_", "entities"),
    ("init_", "entities"),
    ("value_entity_rpc_", "services-and-rpcs"),
    ("value_entity_service_", "services-and-rpcs"),
    ("value_entity_changed_", "handlers"),
    ("value_entity_emits", "events-and-snapshots"),
    ("value_entity_handles_", "events-and-snapshots"),
    ("value_entity_json_", "events-and-snapshots"),
    ("value_entity_stored_", "events-and-snapshots"),
    ("value_entity_without_", "events-and-snapshots"),
    ("value_", "entities"),
    ("service_", "services-and-rpcs"),
    ("two_services", "services-and-rpcs"),
    ("two_entities_", "services-and-rpcs"),
    ("rpc_", "services-and-rpcs"),
    ("block", "handlers"),
    ("handler", "handlers"),
    ("attributes_", "handlers"),
    ("two_attributes_", "handlers"),
    ("no_options", "handlers"),
    ("many_mistakes", "handlers"),
    ("command_", "handlers"),
    ("query_", "handlers"),
    ("state_", "handlers"),
    ("request_", "handlers"),
    ("reply_", "handlers"),
    ("forward_", "handlers"),
    ("effect_", "handlers"),
    ("event", "events-and-snapshots"),
    ("snapshot", "events-and-snapshots"),
    ("upcaster", "events-and-snapshots"),
    ("json", "events-and-snapshots"),
    ("stored_", "events-and-snapshots"),
    ("crdt_", "crdts"),
    ("streamed_", "crdts"),
    ("action_", "actions"),
    ("call", "actions"),
    ("commands_of_an_action", "actions"),
    ("incoming_", "actions"),
];

fn page_of(case: &str) -> &'static str {
    let page = PAGES.iter().find(|(prefix, _)| case.starts_with(prefix));
    match page {
        Some((_, page)) => page,
        None => panic!("on which page is `{case}` to be? say so in PAGES"),
    }
}

/// What the compiler says, without where: messages, and the notes and help that say what to write.
fn said(stderr: &str) -> String {
    const BESIDE_THE_POINT: [&str; 5] = [
        "note: this error originates",
        "help: the trait `",
        "help: the following other types implement",
        "note: required for",
        "note: required by",
    ];
    let mut said = String::new();
    let mut in_note = false;
    for line in stderr.lines() {
        let text = line.trim_start();
        let text = text.strip_prefix("= ").unwrap_or(text);
        let is_message = line.starts_with("error");
        let is_note = text.starts_with("note:") || text.starts_with("help:");
        let goes_on = in_note && line.starts_with("           ");
        let counts = !BESIDE_THE_POINT.iter().any(|about| text.starts_with(about));
        if is_message {
            said += &format!("{text}\n");
        } else if is_note && counts {
            said += &format!("  {text}\n");
        } else if goes_on {
            said += &format!("        {text}\n");
        }
        in_note = is_note && counts || goes_on;
    }
    said
}

/// The case's name as a sentence.
fn title(case: &str) -> String {
    let words = case.replace('_', " ").replace("crdt", "CRDT");
    let (first, rest) = words.split_at(1);
    format!("{}{rest}", first.to_ascii_uppercase())
}

fn entry(case: &str, stderr: &str) -> String {
    let title = title(case);
    let code = format!("../../cloudstate/tests/ui/fail/{case}.rs");
    format!(
        "\n### {title}\n\n[The code]({code}).\n\n```text\n{}```\n",
        said(stderr)
    )
}

#[test]
fn every_case_is_on_its_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut made: BTreeMap<PathBuf, String> = BTreeMap::new();
    let mut cases: Vec<PathBuf> = fs::read_dir(root.join("tests/ui/fail"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "stderr")
        })
        .collect();
    cases.sort();
    for path in cases {
        let case = path.file_stem().unwrap().to_str().unwrap();
        let page = root.join(format!("../docs/compile-errors/{}.md", page_of(case)));
        let stderr = fs::read_to_string(&path).unwrap();
        *made.entry(page).or_default() += &entry(case, &stderr);
    }
    for (page, entries) in made {
        let text = fs::read_to_string(&page).unwrap_or_default();
        let Some((by_hand, _)) = text.split_once(MARK) else {
            panic!("{} has no line {MARK}", page.display());
        };
        let expected = format!("{by_hand}{MARK}{entries}");
        if env::var_os("UPDATE_PAGES").is_some() {
            fs::write(&page, &expected).unwrap();
        }
        let now = fs::read_to_string(&page).unwrap();
        assert!(
            now == expected,
            "{} is out of date; run this test with UPDATE_PAGES=1",
            page.display()
        );
    }
}
