//! The difference of two texts, line by line.

/// The lines of both texts: `- ` in front of those that only `expected` has, `+ ` of those that only `received` has.
///
/// As many lines as possible are common, and stand behind two spaces.
pub fn diff(expected: &[String], received: &[String]) -> Vec<String> {
    let common = common_lengths(expected, received);
    let (mut row, mut column) = (0, 0);
    let mut lines = Vec::new();
    while row < expected.len() && column < received.len() {
        if expected[row] == received[column] {
            lines.push(format!("  {}", expected[row]));
            (row, column) = (row + 1, column + 1);
        } else if common[row + 1][column] >= common[row][column + 1] {
            lines.push(format!("- {}", expected[row]));
            row += 1;
        } else {
            lines.push(format!("+ {}", received[column]));
            column += 1;
        }
    }
    lines.extend(expected[row..].iter().map(|line| format!("- {line}")));
    lines.extend(received[column..].iter().map(|line| format!("+ {line}")));
    lines
}

/// For every pair of tails, how many lines they have in common in order.
fn common_lengths(expected: &[String], received: &[String]) -> Vec<Vec<usize>> {
    let mut common = vec![vec![0; received.len() + 1]; expected.len() + 1];
    for row in (0..expected.len()).rev() {
        for column in (0..received.len()).rev() {
            common[row][column] = if expected[row] == received[column] {
                common[row + 1][column + 1] + 1
            } else {
                common[row + 1][column].max(common[row][column + 1])
            };
        }
    }
    common
}

#[cfg(test)]
mod tests {
    use super::diff;

    fn lines(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn what_is_common_stays() {
        let cases = [
            ("", "", vec![]),
            ("a b", "a b", vec!["  a", "  b"]),
            ("a b c", "a x c", vec!["  a", "- b", "+ x", "  c"]),
            ("a", "", vec!["- a"]),
            ("", "a", vec!["+ a"]),
            ("a b", "b a", vec!["- a", "  b", "+ a"]),
            ("a b c d", "c d", vec!["- a", "- b", "  c", "  d"]),
        ];
        for (expected, received, difference) in cases {
            assert_eq!(diff(&lines(expected), &lines(received)), difference);
        }
    }
}
