//! What the words of `$rust_page_cache_reason` mean, in a sentence each.

use page_cache::key::vary::VaryForm;
use page_cache::{Bypass, Failure, Miss, Outcome};

/// An outcome in a sentence.
pub const fn meaning(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Hit => "the page is in the store and would be served from there",
        Outcome::Bypass(why) => bypass(why),
        Outcome::Miss(why) => miss(why),
        Outcome::Failure(why) => failure(why),
    }
}

const fn bypass(why: Bypass) -> &'static str {
    match why {
        Bypass::Method => "only GET and HEAD are looked up",
        Bypass::Body => "requests with a body are not looked up",
        Bypass::Subrequest => "header-only and background subrequests are not looked up",
        Bypass::Bypass => "a string of rust_page_cache_bypass is neither empty nor 0",
        Bypass::Ignore => "rust_page_cache_ignore matches the start of the full path",
        Bypass::Target => {
            "servers read this target in different ways: bytes of 0x80 and above, a leading //, \
             /./ or /../ inside, or a path that is not UTF-8 once decoded; write the URL in its \
             plain form, percent-encoded"
        }
        Bypass::Host => "the request has no Host, or not the name by which nginx chose the server",
        Bypass::Key => "the store cannot take the key",
    }
}

const fn miss(why: Miss) -> &'static str {
    match why {
        Miss::Absent => "the store has no such page, or an empty value",
        Miss::SetCookie => "the stored page sets a cookie: it was made for one client",
        Miss::XAccel => "the stored page has X-Accel-Redirect, an order to the server",
        Miss::Vary => {
            "the page varies on everything, or on a header that the request has more than once or \
             under a name with \"_\""
        }
        Miss::Private => {
            "the stored page is not marked as public: its Cache-Control has neither public nor \
             s-maxage, or it has private or no-store"
        }
        Miss::Pickled => {
            "the value is a pickled object, not a body; if Django's cache middleware stores the \
             pages, write format=django"
        }
        Miss::Flags => {
            "the value's memcached flags have no meaning here: the client that stored it has an \
             encoding of its own"
        }
    }
}

const fn failure(why: Failure) -> &'static str {
    match why {
        Failure::Undecodable => "the value cannot be decoded",
        Failure::TooLarge => "the value is over rust_page_cache_max_size",
        Failure::Connect => "no connection to the store could be made",
        Failure::Timeout => "the store did not answer within rust_page_cache_timeout",
        Failure::Closed => "the store closed the connection before its answer was complete",
        Failure::Protocol => "the store answered with an error, or with what is no answer",
        Failure::Auth => "the store did not let us in: user, password, database, permissions",
        Failure::Down => "the store failed a moment ago and is left alone",
        Failure::Memory => "memory is short",
    }
}

/// The releases of Django that use one of these forms of the Vary digest; none if all do.
pub fn releases(forms: &[VaryForm]) -> Option<String> {
    if forms.len() == VaryForm::ALL.len() || forms.is_empty() {
        return None;
    }
    let names: Vec<&str> = forms.iter().map(|&form| releases_of(form)).collect();
    Some(names.join(", "))
}

const fn releases_of(form: VaryForm) -> &'static str {
    match form {
        VaryForm::Raw => "up to 5.2.18 and 6.0.9",
        VaryForm::RawAbsent => "from 5.2.19 and 6.0.10",
        VaryForm::Netstring => "6.1 to 6.1.2",
        VaryForm::NetstringAbsent => "from 6.1.3",
    }
}

/// What to write where a page lies under a key that these forms make.
pub fn advice(forms: &[VaryForm]) -> String {
    let either = |words: Vec<String>| words.join(" or ");
    let names = either(forms.iter().map(|form| form.to_string()).collect());
    let releases = either(forms.iter().map(|&form| newest(form).to_owned()).collect());
    let by_name = either(forms.iter().map(|form| format!("django={form}")).collect());
    let which: Vec<&str> = forms.iter().map(|&form| releases_of(form)).collect();
    format!(
        "the page is stored in the form {names}: write the release that the site runs, such as \
         {releases}, or {by_name} if it was mended under an old number (keys of that form are made \
         by Django {})",
        which.join(", ")
    )
}

/// A release of a form, as a parameter.
const fn newest(form: VaryForm) -> &'static str {
    match form {
        VaryForm::Raw => "django=5.2.18",
        VaryForm::RawAbsent => "django=5.2.19",
        VaryForm::Netstring => "django=6.1.2",
        VaryForm::NetstringAbsent => "django=6.1.3",
    }
}

#[cfg(test)]
mod tests {
    use page_cache::directive::{Directive, DjangoVersion};

    use super::*;

    #[test]
    fn releases_are_those_of_the_library() {
        for (major, minor, patch, words) in [
            (3, 2, 25, "up to 5.2.18 and 6.0.9"),
            (5, 2, 18, "up to 5.2.18 and 6.0.9"),
            (6, 0, 9, "up to 5.2.18 and 6.0.9"),
            (5, 2, 19, "from 5.2.19 and 6.0.10"),
            (6, 0, 10, "from 5.2.19 and 6.0.10"),
            (6, 1, 0, "6.1 to 6.1.2"),
            (6, 1, 2, "6.1 to 6.1.2"),
            (6, 1, 3, "from 6.1.3"),
        ] {
            let form = VaryForm::for_version(DjangoVersion { major, minor, patch });
            assert_eq!(releases(&[form]).as_deref(), Some(words), "{major}.{minor}.{patch}");
        }
        let two = [VaryForm::Raw, VaryForm::NetstringAbsent];
        assert_eq!(releases(&two).as_deref(), Some("up to 5.2.18 and 6.0.9, from 6.1.3"));
        assert_eq!(releases(&VaryForm::ALL), None);
        assert_eq!(releases(&[]), None);
    }

    /// What is advised is read as the form that it is advised for.
    #[test]
    fn advice_leads_to_the_form() {
        let parsed =
            |word: &str| match page_cache::directive::parse(&[b"redis://r", word.as_bytes()]) {
                Ok(Directive::On(spec)) => spec.django,
                _ => None,
            };
        for (i, &form) in VaryForm::ALL.iter().enumerate() {
            for forms in [&VaryForm::ALL[i..=i], &VaryForm::ALL[i..]] {
                let advice = advice(forms);
                let words = advice.split([' ', ',']).filter(|word| word.starts_with("django="));
                let read: Vec<Option<VaryForm>> = words.map(parsed).collect();
                let expected: Vec<Option<VaryForm>> =
                    [forms, forms].concat().into_iter().map(Some).collect();
                assert_eq!(read, expected, "{advice} {form}");
            }
        }
    }
}
