# Client connections stay open: HTTP/1.1, HTTP/1.0, pipelined.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
memcached->set('/page',  "stored\n");
memcached->set('/other', "another\n");

my $nginx = nginx(server => <<"CONF");
    location / {
        rust_page_cache @{[memcached->uri]} key=raw;
    }
    location \@django {
        proxy_pass http://127.0.0.1:@{[app->port]};
    }
CONF

sub get ($target, @headers) {
    return RustPageCache::Client::get($target, Connection => 'keep-alive', @headers);
}

# Everything over one connection.
my $client = $nginx->client;
for my $turn (1 .. 3) {
    is $client->send(get('/page'))->response->body, "stored\n", "hit, $turn";
    is $client->send(get('/none'))->response->body, "app GET /none\n", "miss, $turn";
    my $etag = $client->send(get('/other'))->response->header('ETag');
    is $client->send(get('/other', 'If-None-Match' => $etag))->response->status, 304, "304, $turn";
    is $client->send(get('/other', Range => 'bytes=0-2'))->response->body, 'ano', "206, $turn";
    my $post = RustPageCache::Client::message('POST', '/page', 'a=1', Connection => 'keep-alive');
    is $client->send($post)->response->body, "app POST /page\na=1", "POST, $turn";
    my $head = RustPageCache::Client::message('HEAD', '/page', '', Connection => 'keep-alive');
    is $client->send($head)->response(head => 1)->header('Content-Length'), 7, "HEAD, $turn";
}

# Several requests in one write; the answers come in their order.
$client = $nginx->client;
$client->send(join '', map { get($_) } '/page', '/none', '/other', '/page', '/other');
is_deeply [map { $client->response->body } 1 .. 5],
    ["stored\n", "app GET /none\n", "another\n", "stored\n", "another\n"], 'pipelined';
ok !$client->closed(0.1), 'and the connection is still there';

# Byte by byte.
$client = $nginx->client;
$client->send($_) for split //, get('/page');
is $client->response->body, "stored\n", 'a request that comes byte by byte';

$client = $nginx->client;
my $response = $client->send("GET /page HTTP/1.0\r\nHost: localhost\r\n\r\n")->response;
is $response->body, "stored\n", 'HTTP/1.0';
is $response->header('Content-Length'), 7, 'HTTP/1.0: length';
is $response->header('Transfer-Encoding'), undef, 'HTTP/1.0: not chunked';
ok $client->closed, 'HTTP/1.0: the connection ends';

$client = $nginx->client;
for my $turn (1, 2) {
    my $request = "GET /page HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n";
    $response = $client->send($request)->response;
    is $response->body, "stored\n", "HTTP/1.0 with keep-alive, $turn";
    is $response->header('Connection'), 'keep-alive', "HTTP/1.0 with keep-alive, $turn: header";
}

$client = $nginx->client;
$client->send(RustPageCache::Client::get('/page'));
is $client->response->body, "stored\n", 'Connection: close';
ok $client->closed, 'and it is closed';

$nginx->finish;

done_testing;
