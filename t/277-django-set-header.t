# Vary goes by what the application sees: what nginx sets is said by rust_page_cache_set_header, the
# client's own is taken from the client, and of any other header nobody knows.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Django qw(header_key page_key pickled_list pickled_page vary_digest);

my $uri   = 'http://localhost/page';
my $cache = "rust_page_cache @{[memcached->uri]} django=6.1.3 uri=$uri;";
my $nginx = nginx(
    errors => [qr/: the page varies on (?:X-Unknown|X-C|X-Country|X-Remote-User|Authorization|Content-\w+), /],
    http   => <<'CONF',
    map $cookie_sso $sso_user { tokenA alice; tokenB mallory; }
    map $http_cookie $clean { "~(lang=[a-z]+)" $1; }
CONF
    server => <<"CONF",
    rust_page_cache_set_header X-Country \$arg_c;
    rust_page_cache_set_header X-Site example;
    location /plain { $cache }
    location /country { $cache }
    location /own-list {
        rust_page_cache_set_header X-Site other;
        $cache
    }
    location /if {
        $cache
        if (\$arg_if = one) { rust_page_cache_set_header x-country if; }
        if (\$arg_if = site) { rust_page_cache_set_header X-Site if; }
        if (\$arg_if = two) { set \$nothing ""; }
        proxy_pass http://127.0.0.1:@{[app->port]};
    }
    location /knowingly {
        rust_page_cache_set_header X-Country \$http_x_country;
        $cache
    }
    location /clean {
        rust_page_cache_set_header cookie \$clean;
        rust_page_cache_set_header Accept-Encoding "";
        $cache
    }
    location /host {
        rust_page_cache_set_header Host \$http_host;
        rust_page_cache_set_header Connection "";
        $cache
    }
    location /decoded {
        rust_page_cache_set_header X-C \$uri;
        $cache
    }
    location /blank {
        rust_page_cache_set_header X-C "a \$arg_c";
        $cache
    }
    location /content {
        rust_page_cache_set_header Content-Type "";
        rust_page_cache_set_header Content-Length 1;
        $cache
    }
    location /account {
        auth_request /sso;
        auth_request_set \$user \$upstream_http_x_user;
        rust_page_cache_set_header X-Remote-User \$user;
        $cache
        proxy_set_header X-Remote-User \$user;
        proxy_pass http://127.0.0.1:@{[app->port]};
    }
    location /careless {
        auth_request /sso;
        $cache
        proxy_pass http://127.0.0.1:@{[app->port]};
    }
    location = /sso { internal; proxy_pass http://127.0.0.1:@{[$_ = free_port]}; }
    location \@django {
        return 200 "fallback\\n";
    }
    }
    server {
        listen 127.0.0.1:$_;
        add_header X-User \$sso_user;
        return 204;
CONF
);

# What lies in the store: a list, and a page for each of the values.
sub stored ($names, @pages) {
    memcached->flush;
    memcached->set(header_key(uri => $uri), pickled_list(map { 'HTTP_' . uc tr/-/_/r } @$names), 1);
    for my $values (@pages) {
        memcached->set(page_key(uri => $uri, digest => vary_digest('netstring-absent', @$values)),
            pickled_page(body => join('|', map { $_ // 'absent' } @$values)), 1);
    }
    return;
}

sub ask ($target, @headers) {
    my $response = $nginx->get($target, @headers);
    return $response->cache eq 'HIT' ? $response->body : $response->cache;
}

# ------------------------------------------------------------ what is set

stored(['X-Country'], ['de'], [undef], ['example'], ['if']);
is ask('/country?c=de'), 'de', 'the value of set_header';
is ask('/country?c=fr'), 'MISS absent', 'another value';
is ask('/country?c='), 'absent', 'an empty one: the application gets no such field';
is ask('/country'), 'absent', 'the same of a variable without a value';
for my $field (['X-Country' => 'de'], ['x-country' => 'fr', 'X-COUNTRY' => 'de']) {
    is ask('/country?c=fr', @$field), 'MISS absent', "the client's @$field do not matter";
    is ask('/country?c=de', @$field), 'de', "nor beside the right one: @$field";
}

# In the list's order, and beside what comes from the client.
stored(['X-Site', 'Cookie', 'X-Country'], ['example', 'a=1', 'de'], ['example', undef, undef]);
is ask('/country?c=de', Cookie => 'a=1'), 'example|a=1|de', 'set, own, set';
is ask('/country?c=de', Cookie => 'a=2'), 'MISS absent', 'another of the own';
is ask('/country'), 'example|absent|absent', 'two that are absent';

# Inherited as proxy_set_header: all or none.
stored(['X-Site'], ['example'], ['other']);
is ask('/country'), 'example', 'inherited from the server';
is ask('/own-list'), 'other', 'a level has its own';
stored(['X-Country'], ['if'], ['de'], ['knowing']);
is ask('/own-list?c=de'), 'MISS vary', 'and then inherits none';
is ask('/if?if=one&c=de'), 'if', 'in an if';
is ask('/if?if=two&c=de'), 'de', 'an if without any inherits';
is ask('/if?if=site&c=de'), 'de', 'one with another adds to those around it, as proxy_set_header stay in force';
is ask('/if?c=de'), 'de', 'beside an if';
is ask('/knowingly', 'X-Country' => 'knowing'), 'knowing', "from the client, since the configuration says so";
is ask('/knowingly', 'X-Country' => " knowing\t"), 'knowing', 'without the blanks around it';
is ask('/knowingly', 'X-Country' => 'knowing', 'X-Country' => 'knowing'), 'MISS vary', 'but not twice';
is ask('/knowingly'), 'MISS absent', 'nor where it is absent';

# ------------------------------------------------- who is not to be believed

stored(['X-Remote-User'], ['alice']);
is ask('/account', Cookie => 'sso=tokenA'), 'alice', 'alice gets her page';
is ask('/account', Cookie => 'sso=tokenB'), 'MISS absent', 'mallory has none';
is ask('/account', Cookie => 'sso=tokenB', 'X-Remote-User' => 'alice'), 'MISS absent',
    "and does not get hers by saying so";
is ask('/careless', Cookie => 'sso=tokenB', 'X-Remote-User' => 'alice'), 'MISS vary',
    "nor where nobody says what the application sees";
is ask('/careless', Cookie => 'sso=tokenA'), 'MISS vary', 'alice has none there either';
is scalar(() = $nginx->log_lines(qr/\[error\].*varies on X-Remote-User,.*rust_page_cache_set_header X-Remote-User VALUE;/)),
    1, 'one line says what to write';
stored(['Authorization'], ['Basic x'], [undef]);
is ask('/careless', Cookie => 'sso=tokenA', Authorization => 'Basic x'), 'MISS vary', 'Authorization is not the own';
is scalar(() = $nginx->log_lines(qr/varies on Authorization,/)), 1, 'a line for each header';

# What the application cannot be sent as it stands, or reads in its own way.
stored(['X-C'], ["/decoded\nX-D: 1"], ['/decoded'], ['/decoded/a'], ['a'], ['a '], ['a b']);
is ask('/decoded/a'), '/decoded/a', 'a decoded path';
is ask('/decoded%0aX-D:%201'), 'MISS vary', 'a line feed in a value';
is ask('/decoded%01'), 'MISS vary', 'a control character in a value';
is ask('/blank?c=b'), 'a b', 'a blank in a value';
is ask('/blank'), 'MISS vary', 'a blank at its end';
is scalar(() = $nginx->log_lines(qr/\[error\].*the value of "rust_page_cache_set_header X-C"/)), 2,
    'one line for each location';
stored(['Content-Type'], [undef], ['']);
is ask('/content', 'Content-Type' => 'a/b'), 'absent', 'Content-Type, taken away';
is ask('/country'), 'MISS vary', 'Content-Type, of which nothing is said';
stored(['Content-Length'], [undef], ['1']);
is ask('/content'), 'MISS vary', 'Content-Length has two names in WSGI';

# ---------------------------------------------------- cleaned, taken away

stored(['Cookie', 'Accept-Encoding'], ['lang=de', undef], [undef, undef]);
is ask('/clean', Cookie => '_ga=1; lang=de; x=2', 'Accept-Encoding' => 'gzip'), 'lang=de|absent',
    'a cookie that the site cleans, and Accept-Encoding taken away';
is ask('/clean', Cookie => '_ga=2'), 'absent|absent', 'nothing is left of the cookies';
is ask('/clean', Cookie => 'lang=de', Cookie => 'lang=de'), 'lang=de|absent', 'two Cookie fields are one that is set';
stored(['Host'], ['localhost'], ['127.0.0.1']);
is ask('/host'), 'localhost', 'Host, copied from the lines of proxy_set_header';
stored(['Connection'], [undef]);
is ask('/host'), 'absent', 'Connection too';

# ------------------------------------------------------------ the client's own

my @own = qw(
    Accept Accept-Charset Accept-Encoding Accept-Language Cookie DNT Origin Prefer Priority Referer Save-Data
    Sec-Fetch-Mode Sec-CH-UA Upgrade-Insecure-Requests User-Agent Viewport-Width Width Device-Memory DPR
    Downlink ECT RTT X-Requested-With X-PJAX X-PJAX-Container HX-Request HX-Target Turbo-Frame
    X-Turbo-Request-Id X-CSRFToken X-Inertia X-Inertia-Version X-Up-Target X-Alpine-Request RSC Next-Url
);
for my $name (@own) {
    stored([$name], ['1'], [''], [undef]);
    is ask('/plain', $name => '1'), '1', "$name is the client's own";
    is ask('/plain', lc $name => ''), '', "$name, empty";
    is ask('/plain'), 'absent', "$name, absent";
    is ask('/plain', $name => '1', $name => '1'), 'MISS vary', "$name, twice";
}
stored(['X-Unknown'], ['1'], [undef]);
is ask('/plain', 'X-Unknown' => '1'), 'MISS vary', 'no other header is';
is ask('/plain'), 'MISS vary', 'not even where the client does not send it';
stored(['Cookie', 'X-Unknown'], ['1', undef]);
is ask('/plain', Cookie => '1'), 'MISS vary', 'nor beside one that is';
is scalar(() = $nginx->log_lines(qr/varies on X-Unknown/)), 1, 'said once';
$nginx->finish;

# --------------------------------------------------------- names with "_"

my $under = nginx(http => 'underscores_in_headers on;', server => <<"CONF");
    rust_page_cache_set_header X-Country de;
    location / { $cache }
    location \@django { return 200 "fallback\\n"; }
CONF
stored(['HX-Request', 'X-Country'], [undef, 'de'], ['true', 'de']);
for my $case (
    ['HIT'], ['HIT', 'HX-Request' => 'true'], ['HIT', 'X-Country' => 'fr'], ['HIT', 'Y_Z' => 1],
    ['MISS vary', 'HX_Request' => 'true'], ['MISS vary', 'HX-Request' => 'true', 'hx_request' => 'true'],
    ['MISS vary', 'X_Country' => 'fr'],
    )
{
    my ($outcome, @headers) = @$case;
    is $under->get('/', @headers)->cache, $outcome, "underscores_in_headers: @headers is $outcome";
}
$under->finish('underscores_in_headers');

# -------------------------------------- evaluated once, whatever the store says

# $rust_page_cache_key is another one after the header list has been asked for: it shows when it was
# looked at. The first look is at the list that is remembered.
my $once = nginx(server => <<"CONF");
    location / {
        rust_page_cache_set_header X-Key \$rust_page_cache_key;
        $cache
    }
    location \@django { return 200 "fallback\\n"; }
CONF
my $list_key = header_key(uri => $uri);
stored(['X-Key'], [$list_key], [undef]);
is $once->get('/')->body, $list_key, 'evaluated when it is needed: the list has been asked for';
is $once->get('/')->body, 'absent', 'evaluated when it is needed: before anything has been asked for';
stored(['X-Key', 'Cookie'], [$list_key, undef], [undef, undef]);
is $once->get('/')->body, 'absent|absent', 'not evaluated again for another list';
stored([], []);
is $once->get('/')->cache, 'HIT', 'a page that does not vary';
$once->finish('evaluated once');

# ----------------------------------------------------------- subrequests

my $ssi = nginx(server => <<"CONF");
    rust_page_cache_set_header X-Country \$arg_c;
    location / {
        rust_page_cache @{[memcached->uri]} django=6.1.3;
        ssi on;
        ssi_types text/plain;
    }
    location \@django { return 200 "fallback\\n"; }
CONF
memcached->flush;
for my $part (['/', ''], ['/part?c=de', 'de'], ['/part?c=fr', 'fr']) {
    my ($path, $value) = @$part;
    my %of = (uri => "http://localhost$path");
    my $body = $path eq '/'
        ? '<!--#include virtual="/part?c=de" --><!--#include virtual="/part?c=fr" -->' : "[$value]";
    memcached->set(header_key(%of), pickled_list('HTTP_X_COUNTRY', 'HTTP_COOKIE'), 1);
    memcached->set(page_key(%of, digest => vary_digest('netstring-absent', $value || undef, 'a=1')),
        pickled_page(body => $body, headers => [['Content-Type', 'text/plain']]), 1);
}
is $ssi->get('/', Cookie => 'a=1', 'X-Country' => 'xx')->body, '[de][fr]', 'each include has its own value';
$ssi->finish('SSI');

# ------------------------------------------------ cookies in pieces (HTTP/2)

SKIP: {
    skip 'needs a curl with HTTP/2', 6 if qx(curl --version) !~ /\bHTTP2\b/;
    my $http2 = nginx(listen => 'http2', server => <<"CONF");
    location / { $cache proxy_pass http://127.0.0.1:@{[app->port]}; }
CONF
    stored(['Cookie'], ['a=1; b=2'], ['a=1'], [undef]);
    my $get = sub (@fields) {
        my $fields = join ' ', map { "-H '$_'" } @fields;
        my $url    = 'http://127.0.0.1:' . $http2->port . '/';
        return scalar qx(curl --http2-prior-knowledge -sS --max-time 10 -H 'Host: localhost' $fields '$url' 2>&1);
    };
    # nginx joins them before it looks at them, and sends one on.
    is $get->('cookie: a=1', 'cookie: b=2'), 'a=1; b=2', 'cookies in pieces are one';
    is $get->('cookie: a=1'), 'a=1', 'one piece';
    is $get->(), 'absent', 'none';
    app->forget;
    is $get->('cookie: b=2', 'cookie: a=1'), "app GET /\n", 'in another order';
    is_deeply [grep { /^cookie:/i } @{app->last->{headers}}], ['cookie: b=2; a=1'], 'as the application gets it';
    is $get->('accept: a', 'cookie: a=1', 'accept: a'), 'a=1', 'a repeated field that the page does not vary on';
    $http2->finish('HTTP/2');
}

done_testing;
