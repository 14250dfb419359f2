//! `GET /metrics`, and `/` as the reference proxy has it; `?name[]=NAME` selects families.

use http::{HeaderValue, Method, StatusCode, header::CONTENT_TYPE};
use percent_encoding::percent_decode_str;
use prometheus::TEXT_FORMAT;

use super::{Handler, handler, text};
use crate::metrics::Metrics;

pub(super) fn handler_of(metrics: Metrics) -> Handler {
    handler(move |request| {
        if !matches!(request.uri().path(), "/" | "/metrics") {
            return text(StatusCode::NOT_FOUND, "metrics are at /metrics\n");
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return text(
                StatusCode::METHOD_NOT_ALLOWED,
                "metrics are read with GET\n",
            );
        }
        let names = selected(request.uri().query().unwrap_or_default());
        let mut response = text(StatusCode::OK, metrics.text(&names));
        let format = HeaderValue::from_static(TEXT_FORMAT);
        response.headers_mut().insert(CONTENT_TYPE, format);
        response
    })
}

fn selected(query: &str) -> Vec<String> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter(|(key, _)| decoded(key) == "name[]")
        .map(|(_, name)| decoded(name))
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn families_are_selected_by_name() {
        let names = super::selected("name[]=one&other=two&name%5B%5D=thr%65e&name[]");
        assert_eq!(names, ["one", "three"]);
        assert!(super::selected("").is_empty());
    }
}
