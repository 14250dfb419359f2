//! Bar charts as SVG: a group of bars for each case, a bar for each subject, a line from the smallest to the largest round.

use std::fmt::Write;

use crate::{
    figures::{Spread, readable},
    report::Table,
};

/// The length of the longest bar.
const LONGEST: f64 = 470.0;
/// What numbers behind the bars take at most.
const NUMBER: f64 = 90.0;
/// What a character of a label takes, in the widest of the usual fonts.
const CHARACTER: f64 = 7.0;
const BAR: f64 = 14.0;
const BETWEEN_GROUPS: f64 = 12.0;
/// Of subjects, in their order. Told apart by people who do not see all colours, too (Okabe and Ito).
const COLOURS: [&str; 6] = [
    "#9a9a9a", "#0072b2", "#009e73", "#e69f00", "#cc79a7", "#56b4e9",
];

/// A chart of one figure.
#[derive(Clone, Debug)]
pub struct Chart {
    title: String,
    subjects: Vec<String>,
    groups: Vec<Group>,
}

#[derive(Clone, Debug)]
struct Group {
    label: String,
    /// The subject's number, and its figure.
    bars: Vec<(usize, Spread)>,
}

impl Chart {
    /// A group for each of `tables`, with a bar for each of its subjects that has the figure. What all titles begin with,
    /// `common`, is not in the groups' labels.
    pub fn of_tables<'a>(
        title: impl Into<String>,
        tables: impl IntoIterator<Item = &'a Table>,
        common: &str,
        figure: &str,
    ) -> Self {
        let mut chart = Self {
            title: title.into(),
            subjects: Vec::new(),
            groups: Vec::new(),
        };
        for table in tables {
            let bars = table
                .subjects()
                .filter_map(|subject| {
                    let spread = table.spread(subject, figure)?;
                    Some((chart.number_of(subject), spread))
                })
                .collect();
            let label = table.title();
            chart.push(label.strip_prefix(common).unwrap_or(label), bars);
        }
        chart
    }

    /// A bar for each subject of `table` that has the figure.
    pub fn of_rows(title: impl Into<String>, table: &Table, figure: &str) -> Self {
        let mut chart = Self {
            title: title.into(),
            subjects: Vec::new(),
            groups: Vec::new(),
        };
        for subject in table.subjects() {
            let bar = table.spread(subject, figure).map(|spread| (1, spread));
            chart.push(subject, bar.into_iter().collect());
        }
        chart
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The picture.
    pub fn svg(&self) -> String {
        let left = self.width_of_labels();
        let width = left + LONGEST + NUMBER;
        let mut body = String::new();
        let mut y = 40.0;
        if !self.subjects.is_empty() {
            y = self.legend(&mut body, width, y);
        }
        let largest = self.bars().map(|spread| spread.max).fold(0.0, f64::max);
        let scale = if largest > 0.0 {
            LONGEST / largest
        } else {
            0.0
        };
        let top = y;
        for group in &self.groups {
            y = draw(group, (left, scale), y, &mut body);
        }
        let axis = format!("<line x1='{left}' y1='{top}' x2='{left}' y2='{y}' stroke='#888'/>\n");
        let height = y + 8.0;
        format!(
            "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}' \
             font-family='Helvetica, Arial, sans-serif' font-size='12' fill='#222' role='img' aria-label='{title}'>\n\
             <rect width='100%' height='100%' fill='#fff'/>\n\
             <text x='12' y='24' font-size='15' font-weight='bold'>{title}</text>\n{axis}{body}</svg>\n",
            title = escaped(&self.title),
        )
    }

    /// Where labels end and bars begin.
    fn width_of_labels(&self) -> f64 {
        let labels = self.groups.iter().map(|group| group.label.chars().count());
        CHARACTER * labels.max().unwrap_or(0) as f64 + 20.0
    }

    fn push(&mut self, label: &str, bars: Vec<(usize, Spread)>) {
        if !bars.is_empty() {
            let label = label.to_owned();
            self.groups.push(Group { label, bars });
        }
    }

    fn number_of(&mut self, subject: &str) -> usize {
        let known = self.subjects.iter().position(|known| known == subject);
        known.unwrap_or_else(|| {
            self.subjects.push(subject.to_owned());
            self.subjects.len() - 1
        })
    }

    fn bars(&self) -> impl Iterator<Item = &Spread> {
        let bars = self.groups.iter().flat_map(|group| &group.bars);
        bars.map(|(_, spread)| spread)
    }

    /// The subjects' colours, in as many lines as it takes. Returns where it ends.
    fn legend(&self, body: &mut String, right: f64, mut y: f64) -> f64 {
        let mut x = 12.0;
        for (number, subject) in self.subjects.iter().enumerate() {
            let width = 30.0 + CHARACTER * subject.chars().count() as f64;
            if x + width > right {
                (x, y) = (12.0, y + 18.0);
            }
            // Writing to a string cannot fail, here and below.
            let _ = writeln!(
                body,
                "<rect x='{x}' y='{y}' width='12' height='12' fill='{}'/><text x='{}' y='{}'>{}</text>",
                colour(number),
                x + 17.0,
                y + 10.5,
                escaped(subject)
            );
            x += width;
        }
        y + 28.0
    }
}

/// Draws a group whose top is at `y`, with bars from `left` on, and returns where the next one begins.
fn draw(group: &Group, (left, scale): (f64, f64), y: f64, body: &mut String) -> f64 {
    let height = BAR * group.bars.len() as f64;
    let _ = writeln!(
        body,
        "<text x='{}' y='{}' text-anchor='end'>{}</text>",
        left - 8.0,
        y + height / 2.0 + 4.0,
        escaped(&group.label)
    );
    for (at, (subject, Spread { median, min, max })) in group.bars.iter().enumerate() {
        let top = y + BAR * at as f64;
        let middle = top + BAR / 2.0 - 0.5;
        let _ = writeln!(
            body,
            "<rect x='{left}' y='{top}' width='{:.1}' height='{}' fill='{}'/>\
             <line x1='{:.1}' y1='{middle}' x2='{:.1}' y2='{middle}' stroke='#222'/>\
             <text x='{:.1}' y='{}'>{}</text>",
            median * scale,
            BAR - 1.0,
            colour(*subject),
            left + min * scale,
            left + max * scale,
            left + max * scale + 6.0,
            middle + 4.5,
            readable(*median)
        );
    }
    y + height + BETWEEN_GROUPS
}

fn colour(subject: usize) -> &'static str {
    COLOURS[subject % COLOURS.len()]
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::Chart;
    use crate::report::Table;

    fn tables() -> [Table; 2] {
        ["one & only", "many"].map(|title| {
            let mut table = Table::new(title);
            table.record("echo", &[("calls/s", 200.0)]);
            table.record("cart", &[("calls/s", 100.0), ("p50 ms", 1.0)]);
            table
        })
    }

    #[test]
    fn the_longest_bar_has_the_whole_length() {
        let svg = Chart::of_tables("Calls", &tables(), "one ", "calls/s").svg();
        assert_eq!(svg.matches("width='470.0'").count(), 2, "{svg}");
        assert_eq!(svg.matches("width='235.0'").count(), 2, "{svg}");
        assert!(
            svg.contains(">&amp; only<") && svg.contains(">many<"),
            "{svg}"
        );
    }

    #[test]
    fn what_has_no_such_figure_has_no_bar() {
        let [table, _] = tables();
        let svg = Chart::of_rows("Latency", &table, "p50 ms").svg();
        assert!(svg.contains(">cart<") && !svg.contains(">echo<"), "{svg}");
        assert!(Chart::of_rows("Nothing", &table, "MB").is_empty());
    }
}
