# Conditional requests are answered by nginx's own filters.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
memcached->set('/page', "stored\n");

my $nginx = nginx(server => <<"CONF");
    location / {
        rust_page_cache @{[memcached->uri]} key=raw;
    }
    location \@django {
        proxy_pass http://127.0.0.1:@{[app->port]};
    }
CONF
my $etag  = $nginx->get('/page')->header('ETag') // '"none"';
my $past  = 'Thu, 01 Jan 1970 00:00:10 GMT';
my $later = 'Fri, 01 Jan 2038 00:00:00 GMT';

# name, status, request headers
my @table = (
    ['the entity-tag that the client has',         304, 'If-None-Match' => $etag],
    ['compared weakly',                            304, 'If-None-Match' => "W/$etag"],
    ['one of several',                             304, 'If-None-Match' => qq("a", $etag)],
    ['any',                                        304, 'If-None-Match' => '*'],
    ['another',                                    200, 'If-None-Match' => '"a"'],
    ['If-Match with the right one',                200, 'If-Match' => $etag],
    ['If-Match with any',                          200, 'If-Match' => '*'],
    ['If-Match with another',                      412, 'If-Match' => '"a"'],
    # Without Last-Modified there is nothing to compare a date with (RFC 9110,
    # sections 13.1.3 and 13.1.4).
    ['If-Modified-Since, in the future',           200, 'If-Modified-Since' => $later],
    ['If-Unmodified-Since, in the past',           200, 'If-Unmodified-Since' => $past],
    ['If-Unmodified-Since, in the future',         200, 'If-Unmodified-Since' => $later],
    ['If-Unmodified-Since does not spoil a 304',   304, 'If-None-Match' => $etag,
        'If-Unmodified-Since' => $past],
);
for my $row (@table) {
    my ($name, $status, @headers) = @$row;
    my $client   = $nginx->client;
    my $response = $client->send(RustPageCache::Client::get('/page', @headers))->response;
    is $response->status, $status, "$name: $status";
    is $response->cache, 'HIT', "$name: from the cache";
    is $response->header('ETag'), $etag, "$name: ETag" if $status != 412;
    is $response->body, $status == 200 ? "stored\n" : '', "$name: body" if $status != 412;
    ok $client->closed, "$name: and nothing behind it";
}

is $nginx->request('HEAD', '/page', '', 'If-None-Match' => $etag)->status, 304, 'HEAD too';
is $nginx->get('/none', 'If-Unmodified-Since' => $past)->body, "app GET /none\n",
    'a miss is the application\'s to judge';
ok scalar(grep { $_ eq "If-Unmodified-Since: $past" } @{app->last->{headers}}),
    'which is told of the condition';

$nginx->finish;

done_testing;
