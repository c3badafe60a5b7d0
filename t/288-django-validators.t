# Stored validators: ETag and Last-Modified of the page are the response's.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use HTTP::Date qw(time2str);
use RustPageCache::Django qw(header_key page_key pickled_list pickled_page);

my $nginx = nginx(server => <<"CONF");
    location / {
        rust_page_cache @{[memcached->uri]};
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF

sub put ($path, @headers) {
    my $uri = "http://localhost$path";
    memcached->set(header_key(uri => $uri), pickled_list(), 1);
    memcached->set(page_key(uri => $uri),
        pickled_page(headers => [['Content-Type', 'text/plain'], @headers], body => 'a stored page'), 1);
    return;
}
my $date   = 'Sun, 06 Nov 1994 08:49:37 GMT';
my $before = 'Sun, 06 Nov 1994 08:49:36 GMT';
put('/etag', ['ETag', '"stored"']);
put('/weak', ['ETag', 'W/"stored"']);
put('/date', ['Last-Modified', $date]);
put('/none');
put('/bad-date', ['Last-Modified', 'yesterday']);

is $nginx->get('/etag')->header('ETag'), '"stored"', 'the stored entity-tag';
is $nginx->get('/weak')->header('ETag'), 'W/"stored"', 'a weak one too';
like $nginx->get('/none')->header('ETag'), qr/^"[^"]+"$/, 'else one is made';
is $nginx->get('/date')->header('Last-Modified'), $date, 'the stored date';
is $nginx->get('/none')->header('Last-Modified'), undef, 'or none';
is $nginx->get('/bad-date')->cache, 'HIT', 'a date that is none does no harm';

my @table = (
    [304, '/etag', 'If-None-Match' => '"stored"'],
    [200, '/etag', 'If-None-Match' => '"other"'],
    [412, '/etag', 'If-Match' => '"other"'],
    [200, '/etag', 'If-Match' => '"stored"'],
    [304, '/weak', 'If-None-Match' => '"stored"'],
    [304, '/date', 'If-Modified-Since' => $date],
    [200, '/date', 'If-Modified-Since' => $before],
    [412, '/date', 'If-Unmodified-Since' => $before],
    [200, '/date', 'If-Unmodified-Since' => $date],
    [200, '/etag', 'If-Unmodified-Since' => $before],
    [200, '/none', 'If-Unmodified-Since' => $before],
    [206, '/etag', Range => 'bytes=2-7'],
    [206, '/etag', Range => 'bytes=2-7', 'If-Range' => '"stored"'],
    [200, '/etag', Range => 'bytes=2-7', 'If-Range' => '"other"'],
    [206, '/date', Range => 'bytes=2-7', 'If-Range' => $date],
    [200, '/date', Range => 'bytes=2-7', 'If-Range' => $before],
    [416, '/date', Range => 'bytes=100-'],
);
for my $row (@table) {
    my ($status, $path, @headers) = @$row;
    my $response = $nginx->get($path, @headers);
    is $response->status, $status, "$path @headers: $status";
    my %body = (200 => 'a stored page', 206 => 'stored', 304 => '');
    is $response->body, $body{$status}, "$path @headers: body" if defined $body{$status};
}

# Age is counted from what is stored, and never below zero.
put('/age', ['Cache-Control', 'max-age=600'], ['Expires', time2str(time + 500)]);
put('/old', ['Cache-Control', 'public, max-age=600'], ['Expires', time2str(time - 100)]);
put('/young', ['Cache-Control', 'max-age=600'], ['Expires', time2str(time + 5_000)]);
put('/no-expires', ['Cache-Control', 'max-age=600']);
put('/no-max-age', ['Expires', time2str(time + 500)]);
my $age = $nginx->get('/age')->header('Age');
ok $age >= 100 && $age < 110, 'Age' or diag $age;
my $old = $nginx->get('/old');
is $old->cache, 'HIT', 'a page whose Expires is past is served: the store decides';
ok $old->header('Age') >= 700 && $old->header('Age') < 710, 'with an Age beyond its max-age';
is $nginx->get('/young')->header('Age'), 0, 'never below zero';
is $nginx->get($_)->header('Age'), undef, "$_: none" for '/no-expires', '/no-max-age', '/none';

$nginx->finish;

done_testing;
