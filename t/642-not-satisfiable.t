# A 416, and what else is said in place of a page, carries nothing of the stored header.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use Compress::Zlib ();
use HTTP::Date qw(time2str);
use RustPageCache::Django qw(pickled_page);

my $gzip   = Compress::Zlib::memGzip('a page of GZipMiddleware ' x 40);
my $length = length $gzip;
my @stored = (
    ['Content-Type',     'text/html; charset=utf-8'],
    ['Content-Encoding', 'gzip'],
    ['Content-Language', 'de'],
    ['Cache-Control',    'max-age=600'],
    ['Expires',          time2str(time + 600)],
    ['ETag',             '"stored"'],
    ['Last-Modified',    'Sun, 06 Nov 1994 08:49:37 GMT'],
    ['Vary',             'Accept-Encoding'],
    ['X-Stored',         'yes'],
);
memcached->set('page', pickled_page(headers => \@stored, body => $gzip), 1);
memcached->set('body', $gzip, 2);

my $directive = "rust_page_cache @{[memcached->uri]} key=raw";
my $nginx     = nginx(http => <<'HTTP', server => <<"CONF");
    rust_page_cache_gzip_flag 2;
HTTP
    location /page {
        $directive uri=page format=django;
    }
    location /body {
        $directive uri=body;
        expires 1h;
        add_header X-Once yes;
        add_header X-Always yes always;
        add_header X-Cache \$rust_page_cache_status always;
    }
    location /static/ {
        $directive uri=page format=django;
        error_page 416 412 /sorry;
    }
    location /named/ {
        $directive uri=page format=django;
        error_page 416 \@sorry;
    }
    location /replaced/ {
        $directive uri=page format=django;
        error_page 416 =200 \@sorry;
    }
    location = /sorry {
        return 200 "sorry\\n";
    }
    location \@sorry {
        proxy_pass http://127.0.0.1:@{[app->port]};
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF

my @names = (map({ $_->[0] } @stored), 'Age');

# What is left of the stored header; Content-Type is the error page's own.
sub stored_fields ($response) {
    return grep { $_ ne 'Content-Type' && defined $response->header($_) } @names;
}

sub count ($response, $name) {
    return scalar grep { lc $_->[0] eq lc $name } @{$response->{headers}};
}

my $whole = $nginx->get('/page');
is $whole->status, 200, 'the page itself';
is_deeply [stored_fields($whole)], [grep { $_ ne 'Content-Type' } @names], 'has all its fields';

my @beyond = (Range => 'bytes=999999-');
for my $method (qw(GET HEAD)) {
    my $response = $nginx->request($method, '/page', '', @beyond);
    is $response->status, 416, "$method: 416";
    is $response->cache, 'HIT', "$method: of a page of the cache";
    is_deeply [stored_fields($response)], [], "$method: nothing of the stored header";
    is $response->header('Content-Range'), "bytes */$length", "$method: but the length of the page";
    is $response->header('Content-Type'), 'text/html', "$method: the type is that of nginx's page";
    is count($response, $_), 1, "$method: $_ once" for qw(X-Cache Content-Length Content-Range);
    is $response->header('Accept-Ranges'), undef, "$method: no ranges of an error page";
    like $response->body, qr/<h1>416 Requested Range Not Satisfiable/, "$method: which can be read"
        if $method eq 'GET';
}

my $body = $nginx->get('/body', @beyond);
is $body->status, 416, 'a body: 416';
is $body->header($_), undef, "a body: no $_" for qw(Content-Encoding ETag Expires Cache-Control X-Once);
is count($body, $_), 1, "a body: $_ once" for qw(X-Always X-Cache Content-Range);
my $part = $nginx->get('/body', Range => 'bytes=0-3');
is $part->status, 206, 'a body: a range that there is';
is $part->header($_), $_ eq 'Content-Encoding' ? 'gzip' : 'yes', "a body: 206 has $_"
    for qw(Content-Encoding X-Once);

# The connection is in step afterwards.
my $client = $nginx->client;
for my $i (1 .. 3) {
    $client->send(RustPageCache::Client::get('/page', @beyond, Connection => 'keep-alive'));
    is $client->response->status, 416, "416 on one connection, $i";
    $client->send(RustPageCache::Client::get('/page', Connection => 'keep-alive'));
    is $client->response->body, $gzip, "and then the page, $i";
}

# Error pages of the site. (A 412 ends nginx's connection where its error_page is proxied, for files
# of its own too: ngx_http_filter_finalize_request() makes an error of what is not sent at once.)
for my $row (
    ['/static/',   416, "sorry\n",            @beyond],
    ['/named/',    416, "app GET /named/\n",  @beyond],
    ['/replaced/', 200, "app GET /replaced/\n", @beyond],
    ['/static/',   412, "sorry\n",            'If-Match' => '"other"'],
) {
    my ($target, $status, $text, @headers) = @$row;
    my $response = $nginx->get($target, @headers);
    my $name     = "$target @headers";
    is $response->status, $status, "$name: status";
    is $response->body, $text, "$name: body";
    is_deeply [stored_fields($response)], [], "$name: nothing of the stored header";
    is count($response, 'X-Cache'), 1, "$name: add_header once";
}

# A 412 has none of it either; a 304 has what a 200 would have had, without the body's own.
my $failed = $nginx->get('/page', 'If-Match' => '"other"');
is $failed->status, 412, 'a condition that is not met: 412';
is_deeply [stored_fields($failed)], [], '412: nothing of the stored header';
like $failed->body, qr/<h1>412 Precondition Failed/, '412: a body that can be read';
my $same = $nginx->get('/page', 'If-None-Match' => '"stored"');
is $same->status, 304, 'the entity-tag that the client has: 304';
is_deeply [stored_fields($same)],
    [qw(Content-Language Cache-Control Expires ETag Last-Modified Vary X-Stored Age)],
    '304: what it has to have (RFC 9110, section 15.4.5)';

$nginx->finish;

done_testing;
