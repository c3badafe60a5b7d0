# rust_page_cache_max_memory: what is not held for clients goes to the application.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Django qw(header_key page_key pickled_list pickled_page);
use RustPageCache::Http2;

use Compress::Zlib qw(crc32);
use Time::HiRes qw(sleep);

sub body ($path, $length) { return substr "$path," x ($length / 3 + 1), 0, $length }

my %size = (
    '/tiny' => 1_000, '/small' => 62_144, '/over' => 62_145, '/huge' => 150_000,
    (map { ("/$_" => 100_000) } 'a' .. 'c'),
    (map { ("/large/$_" => 100_000, "/less/$_" => 60_000) } 1 .. 30),
);
memcached->set($_, body($_, $size{$_})) for keys %size;

# 2 MiB in all, 1 MiB for pages over 64 KiB, 256 KiB for a connection.
my $nginx = nginx(
    errors => ['rust_page_cache_max_memory'],
    listen => 'http2',
    http   => 'rust_page_cache_max_memory 2m; rust_page_cache_max_size 256k;',
    server => <<"CONF",
    send_timeout 60s;
    location / {
        rust_page_cache @{[memcached->uri]} key=raw;
        proxy_pass http://127.0.0.1:@{[app->port]};
    }
CONF
);

# Clients of HTTP/2 that let nothing come: streams of as many connections as asked for.
sub stalled (@paths) {
    my $connection = RustPageCache::Http2->connect($nginx->port, window => 0);
    for my $path (@paths) {
        my $stream = $connection->get($path);
        $connection->headed($stream) or fail("$path: no answer");
    }
    return $connection;
}

# The paths that the application was asked for meanwhile.
sub passed_on ($what) {
    app->forget;
    my @held = $what->();
    return (join(' ', map { $_->{target} } app->requests), @held);
}

# One connection: two large pages, then only what others hold and what is small enough.
my $log = 'rust_page_cache_max_memory';
my ($passed, @first) = passed_on(sub { stalled(qw(/a /b /c /a /b /c /over /small /over /small)) });
is $passed, '/c /c /over /over', 'a connection has an eighth';
my ($line, @others) = $nginx->log_lines($log);
like $line, qr{\[error\].*"/c" at \S+ takes 100000 bytes.*200000 are held in all, 200000 of them for this},
    'the log says so, and why';
cmp_ok scalar @others, '<=', 1, 'once a second';
($passed, my @second) = passed_on(sub { stalled('/c') });
is $passed, '', 'another connection has an eighth of its own';
($passed) = passed_on(sub { push @first, stalled('/a', '/b', '/c', '/tiny') });
is $passed, '', 'what is held already costs nothing';
$second[0]->close;
$_->close for @first;

# All connections together.
ok wait_until(sub { (passed_on(sub { my $c = stalled('/a', '/b'); $c->close; () }))[0] eq '' }),
    'who leaves makes room';
sleep 1;    # for the log
($passed, my @crowd) = passed_on(sub { map { stalled("/large/$_") } 1 .. 14 });
is $passed, join(' ', map { "/large/$_" } 12 .. 14), 'large pages have half of it';
($passed, my @more) = passed_on(sub { map { stalled("/less/$_") } 1 .. 30 });
# 1.1 MB and sixteen times 60 kB are just below 2 MiB.
is $passed, join(' ', map { "/less/$_" } 17 .. 30), 'small ones have all';
($passed) = passed_on(sub { push @more, map { stalled("/large/$_", "/less/$_") } 1 .. 11 });
is $passed, '', 'and what is held still costs nothing';

# Those who are turned away get what the application says.
my $other = RustPageCache::Http2->connect($nginx->port);
is $other->body($other->get('/large/20')), "app GET /large/20\n", 'the application answers';
$_->close for @crowd, @more;
my $hit = wait_until(sub { length $other->body($other->get('/large/20')) == 100_000 });
ok $hit, 'hits again when they have left';
$other->close;
cmp_ok scalar(() = $nginx->log_lines($log)), '<=', 8, 'a line a second, not one for each';
like((join '', $nginx->log_lines($log)), qr/and \d+ more like this/, 'which says how many there were');
$nginx->finish;

# HTTP/1, where the variables say why.
$nginx = nginx(
    errors => ['rust_page_cache_max_memory'],
    http   => 'rust_page_cache_max_memory 1m;',
    server => <<"CONF",
    location /whole.html {
        ssi on;
        ssi_types text/plain;
    }
    location / {
        rust_page_cache @{[memcached->uri]} key=raw;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
);
is $nginx->get('/large/1')->cache, 'HIT', 'HTTP/1: a page that a connection may hold';
my $response = $nginx->get('/huge');
is $response->cache, 'ERROR memory', 'HTTP/1: one that it may not';
is $response->body, "fallback\n", 'HTTP/1: the fallback answers';

# Fragments of a page are held together, to its end.
$nginx->write_file('whole.html', join '|', map { qq(<!--# include virtual="$_" -->) } qw(/less/1 /less/2 /less/3));
my @parts = split /\|/, $nginx->get('/whole.html')->body;
is scalar(grep { $_ eq "fallback\n" } @parts), 1, 'SSI: two of three fragments are what a connection may hold';
is scalar(grep { $_ eq body("/less/1", 60_000) || $_ eq body("/less/2", 60_000) || $_ eq body("/less/3", 60_000) } @parts), 2,
    'SSI: and these are served';
is $nginx->get('/less/3')->cache, 'HIT', 'SSI: a connection that holds nothing';
$nginx->finish('HTTP/1');

# Pages that have come, and wait for their header lists from another server, are held, too.
my @stores = map { RustPageCache::Memcached->start(dir => scratch) } 1 .. 2;
# ngx_http_upstream_hash_module.c
my ($pages, $lists) = @stores[map { (crc32($_) >> 16 & 0x7fff) % 2 } 'a', 'b'];
$lists != $pages or die "the lists have no server of their own\n";
for my $i (1 .. 20) {
    my $uri = "http://localhost/$i";
    $lists->set(header_key(uri => $uri), pickled_list(), 1);
    $pages->set(page_key(uri => $uri), pickled_page(status => 200, body => body("/$i", 100_000)), 1);
}
$nginx = nginx(
    errors => ['rust_page_cache_max_memory'],
    http   => <<"CONF",
    rust_page_cache_max_memory 2m;
    map \$rust_page_cache_key \$kind {
        volatile;
        default a;
        ~cache_header b;
    }
    upstream stores {
        hash \$kind;
        @{[map { 'server ' . $_->address . ';' } @stores]}
    }
CONF
    server => <<'CONF',
    rust_page_cache_timeout 30s;
    location / {
        rust_page_cache memcached://stores;
    }
    location @django {
        return 200 "fallback\n";
    }
CONF
);
is $nginx->get("/$_")->cache, 'HIT', "page $_: found" for 1 .. 20;
$lists->freeze;
my @clients = map { $nginx->client } 1 .. 20;
for my $i (1 .. 20) {
    $clients[$i - 1]->send(RustPageCache::Client::get("/$i"));
    # Its page has come, or it has been turned away.
    wait_until(sub { $pages->stat('get_hits') >= 20 + $i }) or fail("page $i: not asked for");
}
my @turned = map { $_->response } @clients[11 .. 19];
is join(', ', map { $_->cache } @turned), join(', ', ('ERROR memory') x 9), 'half of it is for large pages';
$lists->thaw;
my @answers = map { $_->response } @clients[0 .. 10];
is join(', ', map { $_->cache } @answers), join(', ', ('HIT') x 11), 'whose lists come in the end';
is $nginx->get("/$_")->cache, 'HIT', "page $_: there is room again" for 1, 20;
$nginx->finish('waiting pages');

done_testing;
