//! Names the place in a JSON text that an error position points to.

use std::fmt::Write;

/// An object or array that is open at some position.
enum Open {
    /// With the key read last.
    Object(String),
    /// With the index of the element begun last.
    Array(usize),
}

/// The path, such as `items[2].quantity`, of the value that ends at or contains a position; empty at the top.
///
/// Line and column are those of `serde_json`: the column counts the bytes read of its line. The text up to there has
/// already been accepted, so that nothing about it needs to be checked again.
pub(super) fn at(text: &[u8], line: usize, column: usize) -> String {
    let line_start = text
        .split_inclusive(|&byte| byte == b'\n')
        .take(line.saturating_sub(1))
        .map(<[u8]>::len)
        .sum::<usize>();
    let read = text.get(..line_start + column).unwrap_or(text);

    let mut open: Vec<Open> = Vec::new();
    let mut expects_key = false;
    let mut at = 0;
    while let Some(&byte) = read.get(at) {
        at += 1;
        match byte {
            b'{' => open.push(Open::Object(String::new())),
            b'[' => open.push(Open::Array(0)),
            b'}' | b']' => drop(open.pop()),
            b',' => {
                if let Some(Open::Array(index)) = open.last_mut() {
                    *index += 1;
                }
            }
            b'"' => {
                let length = string_length(&read[at..]);
                if let Some(Open::Object(key)) = open.last_mut()
                    && expects_key
                {
                    *key = String::from_utf8_lossy(&read[at..at + length]).into_owned();
                }
                at += length + 1;
            }
            _ => {}
        }
        match byte {
            b'{' => expects_key = true,
            b',' => expects_key = matches!(open.last(), Some(Open::Object(_))),
            b':' | b'[' => expects_key = false,
            _ => {}
        }
    }

    // The type of a value is seen with its first bracket, before anything in it.
    if matches!(read.last(), Some(b'{' | b'[')) {
        open.pop();
    }
    let mut path = String::new();
    for step in &open {
        // Writing to a String cannot fail.
        let _ = match step {
            Open::Object(key) if path.is_empty() || key.is_empty() => write!(path, "{key}"),
            Open::Object(key) => write!(path, ".{key}"),
            Open::Array(index) => write!(path, "[{index}]"),
        };
    }
    path
}

/// The bytes before the closing quote.
fn string_length(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::at;

    #[test]
    fn the_path_leads_to_the_position() {
        let text =
            b"{\"a\": 1,\n \"items\": [{}, {\"name\": \"x, \\\"{[\", \"n\": true}], \"z\": 2}";
        for (until, expected) in [
            ("{", ""),
            ("1", "a"),
            ("[", "items"),
            ("[{}", "items[0]"),
            ("{}, {", "items[1]"),
            ("{[\"", "items[1].name"),
            ("true", "items[1].n"),
            ("}]", "items"),
            ("2", "z"),
            ("2}", ""),
        ] {
            let whole = std::str::from_utf8(text).unwrap();
            let end = whole.find(until).unwrap() + until.len();
            let line = 1 + whole[..end].matches('\n').count();
            let column = end - whole[..end].rfind('\n').map_or(0, |newline| newline + 1);
            assert_eq!(at(text, line, column), expected, "after {until}");
        }
    }

    #[test]
    fn positions_outside_and_broken_texts_are_harmless() {
        assert_eq!(at(b"", 0, 0), "");
        assert_eq!(at(b"{\"a", 9, 9), "a");
        assert_eq!(at(b"]}{\"a\\", 1, 6), "a\\");
    }
}
