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
//! very request. Nothing else is tried: one list and one form make one key.

use std::rc::Rc;

use smallvec::SmallVec;

use super::hint::{Hint, OneOf};
use super::memory::Memory;
use crate::key::django::PageMethod;
use crate::key::vary::{self, NoDigest, RequestHeaders, vary_digest};
use crate::key::{CacheKey, NoKey};
use crate::outcome::{Failure, Miss};
use crate::page::body;
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
    page: Option<usize>,
    /// The key whose value was read last.
    read: Option<usize>,
    done: bool,
    error: Option<PickleError>,
    hint: Option<Hint>,
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
    Page,
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
            page: None,
            read: None,
            done: false,
            error: None,
            hint: None,
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
            What::Page => self.weigh(memory),
            What::Stale => Err(End::Wait),
        };
        // Only pages are looked at again.
        for asked in &mut self.asked {
            if asked.answer.is_some() && !matches!(asked.what, What::Page) {
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
    pub fn error(&self) -> Option<&PickleError> {
        self.error.as_ref()
    }

    /// memcached's flags of the value that came last, and a hint at what they mean if that is
    /// not known here; see [`body::flags_hint()`].
    pub fn flags_hint(&self) -> Option<String> {
        let Plan::Key { reading, .. } = &self.plan else { return None };
        match self.asked.last()?.answer.as_ref()? {
            Answer::Value(value) => body::flags_hint(value.flags?, reading.gzip_flag),
            Answer::Absent => None,
        }
    }

    /// What the operator should know, if there is something. Whether it goes to a log is
    /// [`Memory::may_say`]'s.
    pub fn hint(&self) -> Option<&Hint> {
        self.hint.as_ref()
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
                self.ask(&mut keys, key, What::Page)?;
            }
            Plan::Django(_) => {
                let guess = memory.list(&key, now);
                self.ask(&mut keys, key, What::HeaderList)?;
                if let Some(list) = guess {
                    // A request that has no digest by this list may have one by the right one.
                    match self.ask_pages(&mut keys, &list, headers) {
                        Ok(()) => self.guess = Some(list),
                        Err(_) => self.hint = None,
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
            return self.weigh(memory);
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
            return self.weigh(memory);
        }
        for asked in &mut self.asked {
            if asked.what == What::Page {
                asked.what = What::Stale;
            }
        }
        let mut keys = Keys::new();
        self.ask_pages(&mut keys, &list, headers)?;
        Ok(Step::Ask(keys))
    }

    /// Goes through the answers, the most wanted page first.
    fn weigh(&mut self, memory: &mut Memory) -> Result<Step, End> {
        if matches!(self.plan, Plan::Django(_)) && self.list.is_none() {
            return Err(End::Wait);
        }
        for (i, asked) in self.asked.iter().enumerate() {
            if asked.what != What::Page {
                continue;
            }
            match &asked.answer {
                None => return Err(End::Wait),
                Some(Answer::Absent) => {}
                Some(Answer::Value(value)) => {
                    let reading = match &self.plan {
                        Plan::Key { reading, .. } => reading,
                        Plan::Django(plan) => &plan.reading,
                    };
                    if self.varies() {
                        memory.fruitful();
                    }
                    let page = reading.page(value);
                    self.read = Some(i);
                    let page = page?;
                    self.page = Some(i);
                    return Ok(Step::Done(Ok(page)));
                }
            }
        }
        // Visitors whose values nobody had before come one after the other, but not for ever.
        if self.varies() && memory.fruitless() {
            self.hint = Some(Hint::OutOfDate);
        }
        Err(Miss::Absent.into())
    }

    /// Whether the page is known to vary.
    fn varies(&self) -> bool {
        self.list.as_ref().is_some_and(|list| !list.is_empty())
    }

    /// Asks for the page by its list: GET's first, as Django does for HEAD too.
    fn ask_pages(
        &mut self,
        keys: &mut Keys,
        list: &Rc<HeaderList>,
        headers: &dyn RequestHeaders,
    ) -> Result<(), Rejection> {
        let digest = self.digest(list, headers)?;
        let Plan::Django(plan) = &self.plan else { return Ok(()) };
        let methods: &[PageMethod] =
            if plan.head { &[PageMethod::Get, PageMethod::Head] } else { &[PageMethod::Get] };
        for &method in methods {
            let Plan::Django(plan) = &self.plan else { return Ok(()) };
            let key = match plan.keys.page(method, &digest) {
                Ok(key) => key,
                Err(NoKey::Memory) => return Err(Failure::Memory.into()),
                // HEAD's is longer than GET's: Django has stored nothing there.
                Err(NoKey::Illegal(_) | NoKey::TwoSteps) => continue,
            };
            self.ask(keys, key, What::Page)?;
        }
        Ok(())
    }

    /// The digest of what the application sees of the headers in the list; where there is
    /// none, a hint says why.
    fn digest(
        &mut self,
        list: &Rc<HeaderList>,
        headers: &dyn RequestHeaders,
    ) -> Result<[u8; 32], Rejection> {
        if list.is_empty() {
            return Ok(vary::NOTHING);
        }
        let one = |at| OneOf { list: Rc::clone(list), at };
        let form = match &self.plan {
            Plan::Django(plan) => plan.form,
            Plan::Key { .. } => None,
        };
        let Some(form) = form else {
            self.hint = Some(Hint::NoForm(one(0)));
            return Err(Miss::Vary.into());
        };
        vary_digest(list.iter(), headers, form).map_err(|why| {
            match why {
                NoDigest::Memory => return Failure::Memory.into(),
                NoDigest::Duplicate => {}
                NoDigest::NotOwn { at } => self.hint = Some(Hint::NotOwn(one(at))),
                NoDigest::Unclear { at } => self.hint = Some(Hint::Unclear(one(at))),
            }
            Miss::Vary.into()
        })
    }

    fn ask(&mut self, keys: &mut Keys, key: CacheKey, what: What) -> Result<(), Failure> {
        keys.try_reserve(1).map_err(|_| Failure::Memory)?;
        self.asked.try_reserve(1).map_err(|_| Failure::Memory)?;
        keys.push(key);
        self.asked.push(Asked { what, answer: None });
        Ok(())
    }
}
