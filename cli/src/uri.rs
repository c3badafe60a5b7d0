//! `$uri`: the path as nginx decodes and normalises it (`ngx_http_parse_complex_uri()`, with
//! `merge_slashes on`, the default).

/// Why nginx answers 400.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PathError {
    /// `%` without two hex digits behind it, or `%00`.
    #[error("the path has a malformed percent-escape")]
    Escape,
    /// `..` above the root.
    #[error("the path leads above the root")]
    Above,
}

/// Decodes and normalises the path of a target in origin form.
///
/// # Errors
/// [`PathError`] for what nginx refuses with 400.
pub fn normalised(path: &[u8]) -> Result<Vec<u8>, PathError> {
    let path = decoded(path)?;
    let mut segments: Vec<&[u8]> = Vec::new();
    let mut is_folder = true;
    for segment in path.split(|&byte| byte == b'/').skip(1) {
        is_folder = true;
        match segment {
            b"" | b"." => {}
            b".." => {
                segments.pop().ok_or(PathError::Above)?;
            }
            segment => {
                segments.push(segment);
                is_folder = false;
            }
        }
    }
    let mut out = Vec::with_capacity(path.len());
    for segment in &segments {
        out.push(b'/');
        out.extend_from_slice(segment);
    }
    if is_folder {
        out.push(b'/');
    }
    Ok(out)
}

fn decoded(path: &[u8]) -> Result<Vec<u8>, PathError> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digit = |at: usize| behind.get(at).and_then(|&digit| char::from(digit).to_digit(16));
        let (Some(high), Some(low)) = (digit(0), digit(1)) else { return Err(PathError::Escape) };
        let byte = u8::try_from(high << 4 | low).unwrap_or_default();
        if byte == 0 {
            return Err(PathError::Escape);
        }
        out.push(byte);
        rest = behind.get(2..).unwrap_or_default();
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers of nginx 1.22.1 to `return 200 $uri`.
    #[test]
    fn paths_as_nginx_normalises_them() {
        for (path, uri) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a//b///", "/a/b/"),
            ("/a/./b/.", "/a/b/"),
            ("/a/../b", "/b"),
            ("/a/b/..", "/a/"),
            ("/a/b/../", "/a/"),
            ("/a%2Fb%2f", "/a/b/"),
            ("/a%2F..%2Fb", "/b"),
            ("/..a/.b/c..", "/..a/.b/c.."),
            ("/a%20b%3f%23%25", "/a b?#%"),
            ("/...", "/..."),
            ("/a+b;c", "/a+b;c"),
        ] {
            assert_eq!(normalised(path.as_bytes()), Ok(uri.as_bytes().to_vec()), "{path}");
        }
        assert_eq!(normalised(b"/%C3%A9"), Ok(b"/\xc3\xa9".to_vec()));
    }

    #[test]
    fn paths_that_nginx_refuses() {
        for path in ["/%", "/%2", "/%zz", "/a%00"] {
            assert_eq!(normalised(path.as_bytes()), Err(PathError::Escape), "{path}");
        }
        for path in ["/..", "/../a", "/%2e%2E/a", "/a/../..", "/a//../../b"] {
            assert_eq!(normalised(path.as_bytes()), Err(PathError::Above), "{path}");
        }
    }
}
