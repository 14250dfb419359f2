//! Origins of pages, as browsers write them.

use http::{HeaderValue, Uri};

const EXPECTED: &str = "write origins separated by commas, each a scheme, a host and perhaps a port: https://shop.example,http://localhost:3000";

/// Whose pages may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Everybody's.
    Any,
    /// Those of these origins, each as a browser sends it.
    Listed(Vec<HeaderValue>),
}

impl Origins {
    /// Reads `*`, or a list of origins separated by commas.
    ///
    /// # Errors
    /// The text is something else, an address with a path for instance.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let listed: Option<Vec<_>> = text.split(',').map(origin).collect();
        listed.map(Self::Listed).ok_or(EXPECTED)
    }

    /// Whether pages of this origin are meant.
    pub fn contains(&self, origin: &HeaderValue) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(origins) => origins.contains(origin),
        }
    }
}

/// Reads a list of origins: with credentials, nobody can mean all the world.
pub(super) fn credential_origins(text: &str) -> Result<Origins, &'static str> {
    match Origins::parse(text)? {
        Origins::Any => Err(
            "`*` would lend every page in the world its visitors' credentials; list the origins that are meant",
        ),
        listed @ Origins::Listed(_) => Ok(listed),
    }
}

/// An origin is compared byte by byte, so it must be written as browsers write it: in lower case, and without the port
/// that its scheme has anyway. Both are mended here.
fn origin(text: &str) -> Option<HeaderValue> {
    let text = text.trim().to_ascii_lowercase();
    let uri: Uri = text.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let rest_is_empty = !text.ends_with('/') && uri.query().is_none() && uri.path() == "/";
    if !rest_is_empty || authority.as_str().contains('@') || authority.host().is_empty() {
        return None;
    }
    let host = authority.host();
    if host.contains('*') {
        return None;
    }
    let origin = match (scheme, authority.port_u16()) {
        ("http", Some(80)) | ("https", Some(443)) => format!("{scheme}://{host}"),
        (_, Some(port)) => format!("{scheme}://{host}:{port}"),
        (_, None) if authority.as_str() == host => format!("{scheme}://{host}"),
        // A port that is no number.
        (_, None) => return None,
    };
    HeaderValue::try_from(origin).ok()
}

#[cfg(test)]
mod tests {
    use super::{Origins, credential_origins};

    #[test]
    fn origins_are_read_as_browsers_write_them() {
        let parsed =
            Origins::parse("https://Shop.Example:443, http://localhost:3000,http://[::1]:80");
        let Ok(Origins::Listed(origins)) = parsed else {
            panic!("{parsed:?}")
        };
        assert_eq!(
            origins,
            [
                "https://shop.example",
                "http://localhost:3000",
                "http://[::1]"
            ]
        );
        assert_eq!(Origins::parse("*"), Ok(Origins::Any));
    }

    #[test]
    fn what_no_browser_sends_is_refused() {
        for bad in [
            "",
            "shop.example",
            "https://shop.example/",
            "https://shop.example/cart",
            "https://shop.example?a",
            "https://*.shop.example",
            "https://me@shop.example",
            "https://shop.example:port",
            "https://a.example,",
            "https://a.example,*",
            "null",
        ] {
            assert!(Origins::parse(bad).is_err(), "{bad}");
        }
        assert!(credential_origins("*").is_err());
        assert!(credential_origins("https://a.example").is_ok());
    }
}
