//! A report as JUnit's XML.

use std::{
    borrow::Cow,
    io::{self, Write},
    time::Duration,
};

use super::{Counts, Report};
use crate::runner::{CaseResult, Outcome};

pub(super) fn write(report: &Report, mut out: impl Write) -> io::Result<()> {
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    let sums = sums(report.results());
    writeln!(out, r#"<testsuites name="Cloudstate TCK" {sums}>"#)?;
    for (group, results) in report.by_group() {
        let (name, sums) = (escaped(group), self::sums(results));
        writeln!(out, r#"  <testsuite name="{name}" {sums}>"#)?;
        for result in results {
            case(&mut out, result)?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

fn sums(results: &[CaseResult]) -> String {
    let Counts {
        failed, skipped, ..
    } = Counts::of(results);
    let seconds: Duration = results.iter().map(|result| result.duration).sum();
    format!(
        r#"tests="{}" failures="{failed}" errors="0" skipped="{skipped}" time="{:.3}""#,
        results.len(),
        seconds.as_secs_f64()
    )
}

fn case(out: &mut impl Write, result: &CaseResult) -> io::Result<()> {
    let (name, group) = (escaped(result.name), escaped(result.group));
    let seconds = result.duration.as_secs_f64();
    write!(
        out,
        r#"    <testcase name="{name}" classname="{group}" time="{seconds:.3}""#
    )?;
    match &result.outcome {
        Outcome::Passed => writeln!(out, "/>"),
        Outcome::Skipped { missing } => {
            let missing = format!("no entity {}", missing.join(", "));
            let missing = escaped(&missing);
            writeln!(out, r#"><skipped message="{missing}"/></testcase>"#)
        }
        Outcome::Failed {
            failure,
            conversation,
        } => {
            let summary = escaped(failure.summary());
            writeln!(out, r#">"#)?;
            write!(out, r#"      <failure message="{summary}">"#)?;
            for line in failure.details() {
                writeln!(out, "{}", escaped(line))?;
            }
            writeln!(out, "the conversation:")?;
            for line in conversation {
                writeln!(out, "  {}", escaped(line))?;
            }
            writeln!(out, "</failure>")?;
            writeln!(out, "    </testcase>")
        }
    }
}

/// Text for an attribute or an element. What XML cannot hold at all becomes U+FFFD.
fn escaped(text: &str) -> Cow<'_, str> {
    let special = |c: char| matches!(c, '&' | '<' | '>' | '"') || is_forbidden(c);
    if !text.contains(special) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            c if is_forbidden(c) => escaped.push(char::REPLACEMENT_CHARACTER),
            c => escaped.push(c),
        }
    }
    escaped.into()
}

fn is_forbidden(c: char) -> bool {
    (c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r'))
        || matches!(c, '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Report, escaped, write};
    use crate::{
        failure::Failure,
        runner::{CaseResult, Outcome},
    };

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        assert_eq!(escaped("plain"), "plain");
        assert_eq!(
            escaped("<a b=\"&\">\u{0}"),
            "&lt;a b=&quot;&amp;&quot;&gt;\u{fffd}"
        );
    }

    #[test]
    fn every_outcome_is_told() {
        let result = |name, outcome| CaseResult {
            group: "a group",
            name,
            outcome,
            duration: Duration::from_millis(1500),
        };
        let failed = Outcome::Failed {
            failure: Failure::new("not \"A\"").detail("received", ["B".to_owned()]),
            conversation: vec!["#1 -> init".to_owned()],
        };
        let missing = vec!["one", "two"];
        let report = Report::new(vec![
            result("good", Outcome::Passed),
            result("bad", failed),
            result("absent", Outcome::Skipped { missing }),
        ]);
        let mut xml = Vec::new();
        write(&report, &mut xml).unwrap();
        assert_eq!(
            String::from_utf8(xml).unwrap(),
            r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="Cloudstate TCK" tests="3" failures="1" errors="0" skipped="1" time="4.500">
  <testsuite name="a group" tests="3" failures="1" errors="0" skipped="1" time="4.500">
    <testcase name="good" classname="a group" time="1.500"/>
    <testcase name="bad" classname="a group" time="1.500">
      <failure message="not &quot;A&quot;">received:
  B
the conversation:
  #1 -&gt; init
</failure>
    </testcase>
    <testcase name="absent" classname="a group" time="1.500"><skipped message="no entity one, two"/></testcase>
  </testsuite>
</testsuites>
"#
        );
    }
}
