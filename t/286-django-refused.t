# Pages that are not for everybody, and fields that are never copied.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Django qw(header_key page_key pickled_list pickled_page);

my $uri   = 'http://localhost/page';
my $nginx = nginx(
    errors => ['rust_page_cache'],
    server => <<"CONF",
    location / {
        rust_page_cache @{[memcached->uri]};
    }
    location /_accel/ {
        return 200 "never";
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
);
memcached->set(header_key(uri => $uri), pickled_list(), 1);

sub stored (%page) {
    memcached->set(page_key(uri => $uri), pickled_page(body => "stored\n", %page), 1);
    return $nginx->get('/page');
}

my @table = (
    ['MISS set-cookie',   'a cookie',              cookies => [['sessionid', 'abc']]],
    ['MISS set-cookie',   'a Set-Cookie field',    headers => [['Set-Cookie', 'a=1']]],
    ['MISS set-cookie',   'in lower case',         headers => [['set-cookie', 'a=1']]],
    ['MISS x-accel',      'X-Accel-Redirect',      headers => [['X-Accel-Redirect', '/_accel/']]],
    ['ERROR undecodable', 'a line break in a value', headers => [['X-A', "1\r\nX-B: 2"]]],
    ['ERROR undecodable', 'a line break in a name', headers => [["X-A\nX-B", '1']]],
    ['ERROR undecodable', 'a NUL in a value',      headers => [['X-A', "1\0"]]],
    ['ERROR undecodable', 'status 100',            status => 100],
    ['ERROR undecodable', 'status 199',            status => 199],
    ['ERROR undecodable', 'status 600',            status => 600],
    ['ERROR undecodable', 'status 0',              status => 0],
);
for my $row (@table) {
    my ($outcome, $name, %page) = @$row;
    my $response = stored(%page);
    is $response->cache, $outcome, "$name: $outcome";
    is $response->body, "fallback\n", "$name: the fallback answers";
    is $response->header('Set-Cookie'), undef, "$name: no cookie";
}

my $response = stored(
    status  => 404,
    reason  => 'Nowhere To Be Found',
    headers => [
        ['Content-Type', 'text/html; charset=utf-8'], ['Connection', 'X-Named'], ['Keep-Alive', 'timeout=5'],
        ['Transfer-Encoding', 'chunked'], ['Upgrade', 'h2c'], ['TE', 'trailers'], ['Trailer', 'X'],
        ['Proxy-Authenticate', 'Basic'], ['Date', 'Thu, 01 Jan 1970 00:00:10 GMT'], ['Server', 'stored'],
        ['Content-Length', '3'], ['X-Accel-Expires', '5'], ['X-Accel-Buffering', 'no'],
        ['X-Kept', 'yes'], ['Content-Language', 'de'],
    ],
);
is $response->cache, 'HIT', 'a page with everything: a hit';
is $response->status, 404, 'its status';
is $response->{reason}, 'Nowhere To Be Found', 'its reason';
is $response->body, "stored\n", 'its body, whole';
is $response->header('Content-Length'), 7, 'its length is what it is';
is $response->header('Content-Type'), 'text/html; charset=utf-8', 'its type';
is $response->header('X-Kept'), 'yes', 'a field of its own';
is $response->header('Content-Language'), 'de', 'its language';
unlike $response->header('Date'), qr/1970/, 'Date is now';
like $response->header('Server'), qr/nginx/, 'Server is nginx';
is $response->header('Connection'), 'close', 'Connection is this one';
is $response->header($_), undef, "$_ is not copied"
    for 'Keep-Alive', 'Transfer-Encoding', 'Upgrade', 'TE', 'Trailer', 'Proxy-Authenticate',
    'X-Accel-Expires', 'X-Accel-Buffering';

for my $status (200, 201, 299, 301, 404, 410, 500, 599) {
    my $answer = stored(status => $status, headers => [['Location', 'http://localhost/elsewhere']]);
    is $answer->cache, 'HIT', "status $status: a hit";
    is $answer->status, $status, "status $status: as stored";
    is $answer->header('Location'), 'http://localhost/elsewhere', "status $status: Location";
}
for my $status (204, 304) {
    memcached->set(page_key(uri => $uri), pickled_page(status => $status, body => "stored\n"), 1);
    my $client = $nginx->client->send(RustPageCache::Client::get('/page'));
    my $answer = $client->response;
    is $answer->cache, 'HIT', "status $status: a hit";
    is $answer->status, $status, "status $status: as stored";
    ok $client->closed, "status $status: without a body";
}

is stored(body => '')->header('Content-Length'), 0, 'an empty page is a page';
is stored(chunks => ['one ', 'two ', "three\n"])->body, "one two three\n", 'a page of several pieces';
is stored(body => 'x' x 300_000)->body, 'x' x 300_000, 'a long page';

$nginx->finish;

done_testing;
