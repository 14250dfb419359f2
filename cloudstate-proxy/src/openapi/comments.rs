//! The comments of `.proto` files.

use std::collections::HashMap;

use prost_reflect::DescriptorPool;

/// Comments by file and by the path of what they are about, as `google.protobuf.SourceCodeInfo` has them.
#[derive(Debug, Default)]
pub(super) struct Comments(HashMap<String, HashMap<Vec<i32>, String>>);

impl Comments {
    /// What the descriptors have kept; compilers drop comments unless asked not to.
    pub(super) fn of(descriptors: &DescriptorPool) -> Self {
        let mut files = HashMap::new();
        for file in descriptors.files() {
            let Some(info) = &file.file_descriptor_proto().source_code_info else {
                continue;
            };
            let comments = info.location.iter().filter_map(|location| {
                let before = location.leading_comments();
                let text = plain(if before.trim().is_empty() {
                    location.trailing_comments()
                } else {
                    before
                });
                (!text.is_empty()).then(|| (location.path.clone(), text))
            });
            files.insert(file.name().to_owned(), comments.collect());
        }
        Self(files)
    }

    pub(super) fn find(&self, file: &str, path: &[i32]) -> Option<&str> {
        self.0.get(file)?.get(path).map(String::as_str)
    }

    /// The comment on a field, which its message counts.
    pub(super) fn of_field(&self, field: &prost_reflect::FieldDescriptor) -> Option<&str> {
        self.find(field.parent_file().name(), field.path())
    }
}

/// Lines without the blank that stands between `//` and the text.
fn plain(comment: &str) -> String {
    let lines: Vec<&str> = comment
        .lines()
        .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end())
        .collect();
    lines.join("\n").trim().to_owned()
}
