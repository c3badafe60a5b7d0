# django= says how the keys of pages that vary are made. Nothing is found out from requests: a visitor
# could forge what is found out.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use Compress::Zlib qw(compress);
use RustPageCache::Django qw(header_key page_key pickled_list pickled_page vary_digest);

my $uri   = 'http://localhost/page';
my $store = memcached->uri;

sub list (@names) { memcached->set(header_key(uri => $uri), pickled_list(@names), 1); return }

sub page ($body, $form, @values) {
    my $digest = vary_digest($form, @values);
    memcached->set(page_key(uri => $uri, digest => $digest), pickled_page(body => $body), 1);
    return;
}

# ---------------------------------------------------------------- nginx -t

sub said ($server, $http = '') {
    my ($status, $output) = nginx_test(http => $http, server => "$server location \@django { return 200; }");
    is $status, 0, "nginx -t: $server is accepted" or diag $output;
    return grep { /django=/ } split /\n/, $output;
}
my @warnings = said("location / { rust_page_cache $store; } location /b { rust_page_cache $store lang=de; }");
is scalar(@warnings), 2, 'without django=: a warning for each directive';
like $_, qr/\[warn\] .*"rust_page_cache".*"django=".*5\.2\.19.* in \S+nginx\.conf:\d+/, 'which says what to write'
    for @warnings;
is scalar(said('location /a { proxy_pass http://127.0.0.1; } location /b { proxy_pass http://127.0.0.1; }',
    "rust_page_cache $store fallback=next;")), 1, 'one that is inherited is one';
is scalar(said("location / { rust_page_cache $store format=body; }")), 1, 'also with format=body';
is scalar(said("location / { rust_page_cache $store $_; }")), 0, "$_: none"
    for 'key=raw', 'key=md5 format=django', 'django=5.2.19', 'django=4', 'django=raw-absent';

for my $case (
    ['auto', '5.2.19', 'forge'], ['5.2', '5.2.19', 'patch level'], ['6.1', 'patch level'], ['6', 'patch level'],
    ['6.0', 'patch level'], ['5', 'patch level'], ['raw_absent', 'raw-absent', 'netstring'], ['RAW', 'raw'],
    ['', '5.2.19'], ['5.2.19.1', '5.2.19'], ['6.1rc1', '5.2.19'],
    )
{
    my ($word, @allowed) = @$case;
    my ($status, $output) = nginx_test(server => "rust_page_cache $store django=$word;");
    isnt $status, 0, "django=$word is refused";
    like $output, qr/"rust_page_cache" directive: invalid django "\Q$word\E".*\Q$_\E/, "django=$word: $_" for @allowed;
}

# ---------------------------------------------------------- without django=

my $without = nginx(
    errors => ['rust_page_cache: the page varies on'],
    server => <<"CONF",
    location /a { rust_page_cache $store uri=$uri; }
    location /b { rust_page_cache $store uri=$uri; }
    location \@django { return 200 "fallback\\n"; }
CONF
);
list();
page("for everybody\n", 'raw');
is $without->get('/a', Cookie => 'a=1')->body, "for everybody\n", 'without django=: a page that does not vary' for 1, 2;
list('HTTP_COOKIE', 'HTTP_X_A');
for my $form (qw(raw raw-absent netstring netstring-absent)) {
    page("one\n", $form, 'a=1', undef);
    page("none\n", $form, undef, undef);
    for my $headers ([], [Cookie => 'a=1'], [Cookie => '']) {
        is $without->get('/a', @$headers)->cache, 'MISS vary', "without django=: one that varies, as $form, @$headers";
        is $without->get('/b', @$headers)->body, "fallback\n", "without django=: $form, @$headers, in another location";
    }
}
is scalar(() = $without->log_lines(qr/\[error\].*varies on Cookie.*"django=".*django=5\.2\.19/)), 2,
    'and one line for each location says so';
list();
page("for everybody\n", 'raw');
is $without->get('/a', Cookie => 'a=1')->body, "for everybody\n", 'a page that does not vary any more';
$without->finish('without django=');

# --------------------------------------------------- one form, whoever asks

# An application that keeps an absent and an empty field apart, with one view for htmx and for all others.
# The attacker makes the fragment be stored; whoever has not sent the field must not get it.
my @cases = (
    # form of the site, what the attacker sends, of which the victim's is the same in another form
    ['raw-absent',       'HX-Request', ''],
    ['netstring-absent', 'HX-Request', ''],
    ['raw',              'HX-Request', '-,'],
    ['raw',              'Cookie',     '-,'],
    ['raw',              'Cookie',     '3:a=1,'],
    ['netstring',        'Cookie',     '-,'],
    ['raw-absent',       'Cookie',     '3:a=1,'],
);
my $forms = nginx(server => join '', map({ <<"CONF" } qw(raw raw-absent netstring netstring-absent)), <<'CONF');
    location /$_/ { rust_page_cache $store uri=$uri django=$_; }
CONF
    location @django { return 200 "fallback\n"; }
CONF
for my $case (@cases) {
    my ($form, $field, $value) = @$case;
    my $name = "$form, attacker with $field: $value";
    for my $warm (0, 1) {
        memcached->flush;
        list('HTTP_' . uc $field =~ tr/-/_/r);
        if ($warm) {
            page("right\n", $form, undef);
            is $forms->get("/$form/")->body, "right\n", "$name: a page that is stored right";
            memcached->delete(page_key(uri => $uri, digest => vary_digest($form, undef)));
        }
        page("forged\n", $form, $value);
        is $forms->get("/$form/", $field => $value)->body, "forged\n", "$name: has what he asked for";
        # Where Django itself confuses the two there is nothing to mend.
        next if $form eq 'raw' && $value eq '';
        for my $victim ([], [$field => 'a=1']) {
            is $forms->get("/$form/", @$victim)->cache, 'MISS absent', "$name: a victim with @$victim" for 1 .. 2;
        }
    }
}
$forms->finish('one form');

# ------------------------------------------------------------ out of date

my $dated = nginx(
    errors => ['a hundred look-ups in a row'],
    server => <<"CONF",
    location / { rust_page_cache $store uri=$uri django=5.2.18; }
    location /other { rust_page_cache $store uri=$uri django=5.2.18; }
    location \@django { return 200 "fallback\\n"; }
CONF
);
sub hints () { return scalar(() = $dated->log_lines(qr/\[error\].*a hundred look-ups.*"django=" may be out of date/)) }
memcached->flush;
list('HTTP_COOKIE');
page("a=1\n", 'raw', 'a=1');
page("none\n", 'raw-absent', undef);
$dated->get('/') for 1 .. 99;
is hints(), 0, 'out of date: not said of 99';
is $dated->get('/', Cookie => 'a=1')->cache, 'HIT', 'a page that varies is found';
$dated->get('/') for 1 .. 99;
is hints(), 0, 'then they count from the beginning';
memcached->delete(header_key(uri => $uri));
$dated->get('/') for 1 .. 3;
is hints(), 0, 'where nothing is stored nothing is wrong';
list();
page("for everybody\n", 'raw');
is $dated->get('/')->cache, 'HIT', 'a page that does not vary says nothing of the form';
memcached->delete(page_key(uri => $uri));
list('HTTP_COOKIE');
is hints(), 0, 'still 99';
$dated->get('/');
is hints(), 1, 'the hundredth says it';
$dated->get('/') for 1 .. 250;
is hints(), 1, 'and no other, for an hour';
$dated->get('/other') for 1 .. 100;
is hints(), 2, 'each location for itself';
$dated->finish('out of date');

# ---------------------------------------------- what a location remembers

# The list is short as it lies there, and long inflated.
my $list  = compress(pickled_list(map { "HTTP_SEC_$_" } 1 .. 40));
my $limit = nginx(
    errors => ['is over rust_page_cache_max_size'],
    server => <<"CONF",
    rust_page_cache $store django=6.1.3 uri=$uri fallback=\@django;
    location /large { }
    location /small { rust_page_cache_max_size 400; }
    location \@django { return 200 "fallback\\n"; }
CONF
);
cmp_ok length $list, '<', 400, 'a list that fits as it is stored';
cmp_ok length pickled_page(body => "many\n"), '<', 400, 'and a page that does';
memcached->set(header_key(uri => $uri), $list, 9);
page("many\n", 'netstring-absent', (undef) x 40);
is $limit->get('/large')->cache, 'HIT', 'a location that takes the list' for 1, 2;
is $limit->get('/small')->cache, 'ERROR too-large', 'is no word for one that does not, though both inherit one directive';
$limit->finish('what a location remembers');

done_testing;
