//! The conversation for one request: which keys to ask for, and what the answers make of it.
//!
//! ```text
//!            body: --Ask(key)--------------------------------------> Done
//!
//! Django, unknown: --Ask(header list)--> --Ask(pages)--------------> Done
//! Django, known:   --Ask(header list, pages by the known list)-----> Done
//!                                          \- another list: Ask(pages) -> Done
//! ```
//!
//! A page is served only if the list that made its key is the one that came back for this
//! very request.

use std::rc::Rc;

use smallvec::SmallVec;

use super::memory::Memory;
use crate::key::django::PageMethod;
use crate::key::vary::{Forms, NoDigest, RequestHeaders, vary_digests};
use crate::key::{CacheKey, NoKey};
use crate::outcome::{Failure, Miss};
use crate::page::django::{self, HeaderList};
use crate::page::{Page, PickleError, Refusal, Rejection};
use crate::pipeline::Value;

pub use super::plan::{DjangoPlan, Plan, Reading};

/// What the store said to one key.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A value.
    Value(Rc<Value>),
    /// No such key.
    Absent,
}

/// Keys to ask for. Two, as many as Django usually needs, take no allocation.
pub type Keys = SmallVec<[CacheKey; 2]>;

/// What to do next.
#[derive(Debug)]
pub enum Step {
    /// Ask for these keys, all at once. Keys are numbered from 0 in the order in which they
    /// are asked for, over the whole conversation.
    Ask(Keys),
    /// More answers have to come.
    Wait,
    /// The conversation is over: a page, or why there is none. Answers that are still to come
    /// do not matter.
    Done(Result<Page, Refusal>),
}

/// One request's conversation with the store.
#[derive(Debug)]
pub struct Lookup {
    plan: Plan,
    asked: SmallVec<[Asked; 2]>,
    /// The header list that came back, once it has.
    list: Option<Rc<HeaderList>>,
    /// The list by which pages have been asked for before.
    guess: Option<Rc<HeaderList>>,
    /// The others than the known forms have been asked for.
    probed: bool,
    page: Option<usize>,
    /// The key whose value was read last.
    read: Option<usize>,
    done: bool,
    error: Option<PickleError>,
}

/// A key that was asked for.
#[derive(Debug)]
struct Asked {
    what: What,
    answer: Option<Answer>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum What {
    HeaderList,
    Page {
        method: PageMethod,
        forms: Forms,
    },
    /// A page by a header list that does not hold any more.
    Stale,
}

/// An end before there is a page.
enum End {
    Refused(Rejection),
    /// Nothing can be said before more answers come.
    Wait,
}

impl<R: Into<Rejection>> From<R> for End {
    fn from(why: R) -> Self {
        Self::Refused(why.into())
    }
}

impl From<NoDigest> for Rejection {
    fn from(why: NoDigest) -> Self {
        match why {
            NoDigest::Duplicate => Miss::Vary.into(),
            NoDigest::Memory => Failure::Memory.into(),
        }
    }
}

impl Lookup {
    /// Begins a conversation. `now` is in milliseconds of the owner's monotonic clock.
    pub fn start(
        plan: Plan,
        memory: &mut Memory,
        headers: &dyn RequestHeaders,
        now: u64,
    ) -> (Self, Step) {
        let mut lookup = Self {
            plan,
            asked: SmallVec::new(),
            list: None,
            guess: None,
            probed: false,
            page: None,
            read: None,
            done: false,
            error: None,
        };
        let step = lookup.first(memory, headers, now);
        let step = lookup.end(step);
        (lookup, step)
    }

    /// Takes the store's answer to the `i`th key of all that were asked for.
    pub fn answer(
        &mut self,
        i: usize,
        answer: Answer,
        memory: &mut Memory,
        headers: &dyn RequestHeaders,
        now: u64,
    ) -> Step {
        let Some(asked) = self.asked.get_mut(i) else { return Step::Wait };
        if asked.answer.is_some() || self.done {
            return Step::Wait;
        }
        asked.answer = Some(answer);
        let step = match asked.what {
            What::HeaderList => self.heard_list(i, memory, headers, now),
            What::Page { .. } => self.weigh(memory, headers, now),
            What::Stale => Err(End::Wait),
        };
        // Only pages are looked at again.
        for asked in &mut self.asked {
            if asked.answer.is_some() && !matches!(asked.what, What::Page { .. }) {
                asked.answer = Some(Answer::Absent);
            }
        }
        self.end(step)
    }

    /// Which of the keys asked for had the page.
    pub fn key_of_page(&self) -> Option<usize> {
        self.page
    }

    /// Which of the keys asked for has the value that was read last: where the conversation ends
    /// for want of a value that can be served, that one.
    pub fn key_read(&self) -> Option<usize> {
        self.read
    }

    /// What was wrong with a value that could not be decoded.
    pub fn error(&self) -> Option<PickleError> {
        self.error
    }

    fn end(&mut self, step: Result<Step, End>) -> Step {
        let step = match step {
            Ok(step) => step,
            Err(End::Wait) => Step::Wait,
            Err(End::Refused(rejection)) => {
                self.error = rejection.error;
                Step::Done(Err(rejection.why))
            }
        };
        self.done = matches!(step, Step::Done(_));
        step
    }

    fn first(
        &mut self,
        memory: &mut Memory,
        headers: &dyn RequestHeaders,
        now: u64,
    ) -> Result<Step, End> {
        let key = match &self.plan {
            Plan::Key { key, .. } => key.try_clone()?,
            Plan::Django(plan) => plan.keys.header().try_clone()?,
        };
        let mut keys = Keys::new();
        match &self.plan {
            Plan::Key { .. } => {
                let what = What::Page { method: PageMethod::Get, forms: Forms::ALL };
                self.ask(&mut keys, key, what)?;
            }
            Plan::Django(plan) => {
                let wanted = plan.wanted(memory);
                let guess = memory.list(&key, now);
                self.ask(&mut keys, key, What::HeaderList)?;
                if let Some(list) = guess {
                    // A request that has no digest by this list may have one by the right one.
                    if self.ask_pages(&mut keys, &list, headers, wanted, Forms::NONE).is_ok() {
                        self.guess = Some(list);
                    }
                }
            }
        }
        Ok(Step::Ask(keys))
    }

    fn heard_list(
        &mut self,
        i: usize,
        memory: &mut Memory,
        headers: &dyn RequestHeaders,
        now: u64,
    ) -> Result<Step, End> {
        let Plan::Django(plan) = &self.plan else { return Err(End::Wait) };
        let answer = self.asked.get(i).and_then(|asked| asked.answer.as_ref());
        let Some(Answer::Value(value)) = answer else {
            // No entry is a miss, without a look at the page (get_cache_key()).
            memory.forget(plan.keys.header());
            return Err(Miss::Absent.into());
        };
        if let Some(guess) = self.guess.as_ref().filter(|guess| guess.was_read_from(value)) {
            // It lies there as it did: what it says is known.
            self.list = Some(Rc::clone(guess));
            return self.weigh(memory, headers, now);
        }
        self.read = Some(i);
        let list = match django::header_list(value, &plan.reading.django()) {
            Ok(list) => Rc::new(list),
            Err(why) => {
                memory.forget(plan.keys.header());
                return Err(why.into());
            }
        };
        memory.remember(plan.keys.header(), &list, now);
        self.list = Some(Rc::clone(&list));
        if self.guess.as_ref().is_some_and(|guess| *guess == list) {
            return self.weigh(memory, headers, now);
        }
        for asked in &mut self.asked {
            if matches!(asked.what, What::Page { .. }) {
                asked.what = What::Stale;
            }
        }
        let wanted = plan.wanted(memory);
        let mut keys = Keys::new();
        self.ask_pages(&mut keys, &list, headers, wanted, Forms::NONE)?;
        Ok(Step::Ask(keys))
    }

    /// Goes through the answers, the most wanted page first.
    fn weigh(
        &mut self,
        memory: &mut Memory,
        headers: &dyn RequestHeaders,
        now: u64,
    ) -> Result<Step, End> {
        if matches!(self.plan, Plan::Django(_)) && self.list.is_none() {
            return Err(End::Wait);
        }
        for (i, asked) in self.asked.iter().enumerate() {
            let What::Page { forms, .. } = asked.what else { continue };
            match &asked.answer {
                None => return Err(End::Wait),
                Some(Answer::Absent) => {}
                Some(Answer::Value(value)) => {
                    let reading = match &self.plan {
                        Plan::Key { reading, .. } => reading,
                        Plan::Django(plan) => {
                            if plan.form.is_none() {
                                memory.answered(forms);
                            }
                            &plan.reading
                        }
                    };
                    let page = reading.page(value);
                    self.read = Some(i);
                    let page = page?;
                    self.page = Some(i);
                    return Ok(Step::Done(Ok(page)));
                }
            }
        }
        self.probe(memory, headers, now)
    }

    /// No page in a form that the site is known to use: perhaps in another.
    fn probe(
        &mut self,
        memory: &mut Memory,
        headers: &dyn RequestHeaders,
        now: u64,
    ) -> Result<Step, End> {
        let (Plan::Django(plan), Some(list)) = (&self.plan, self.list.clone()) else {
            return Err(Miss::Absent.into());
        };
        let tried = self.asked.iter().fold(Forms::NONE, |tried, asked| match asked.what {
            What::Page { forms, .. } => tried.or(forms),
            What::HeaderList | What::Stale => tried,
        });
        // Where nothing varies, all forms have been asked for by one key.
        if plan.form.is_some() || self.probed || tried == Forms::ALL {
            return Err(Miss::Absent.into());
        }
        self.probed = true;
        if !memory.may_probe(now) {
            return Err(Miss::Absent.into());
        }
        let mut keys = Keys::new();
        self.ask_pages(&mut keys, &list, headers, Forms::ALL, tried)?;
        if keys.is_empty() { Err(Miss::Absent.into()) } else { Ok(Step::Ask(keys)) }
    }

    /// Asks for the pages of all distinct digests that a wanted form gives and none of those
    /// that have been tried: GET's first, as Django does for HEAD too.
    fn ask_pages(
        &mut self,
        keys: &mut Keys,
        list: &HeaderList,
        headers: &dyn RequestHeaders,
        wanted: Forms,
        tried: Forms,
    ) -> Result<(), Rejection> {
        let Plan::Django(plan) = &self.plan else { return Ok(()) };
        // All forms are computed where any is possible: those that agree share a key.
        let computed = plan.form.map_or(Forms::ALL, Forms::from);
        let digests = vary_digests(list.iter(), headers, computed)?;
        let methods: &[PageMethod] =
            if plan.head { &[PageMethod::Get, PageMethod::Head] } else { &[PageMethod::Get] };
        for &method in methods {
            for digest in digests.iter() {
                if digest.forms.and(wanted).is_empty() || !digest.forms.and(tried).is_empty() {
                    continue;
                }
                let Plan::Django(plan) = &self.plan else { return Ok(()) };
                let key = match plan.keys.page(method, &digest.hex) {
                    Ok(key) => key,
                    Err(NoKey::Memory) => return Err(Failure::Memory.into()),
                    // HEAD's is longer than GET's: Django has stored nothing there.
                    Err(NoKey::Illegal(_) | NoKey::TwoSteps) => continue,
                };
                self.ask(keys, key, What::Page { method, forms: digest.forms })?;
            }
        }
        Ok(())
    }

    fn ask(&mut self, keys: &mut Keys, key: CacheKey, what: What) -> Result<(), Failure> {
        keys.try_reserve(1).map_err(|_| Failure::Memory)?;
        self.asked.try_reserve(1).map_err(|_| Failure::Memory)?;
        keys.push(key);
        self.asked.push(Asked { what, answer: None });
        Ok(())
    }
}
