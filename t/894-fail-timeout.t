# max_fails and fail_timeout: how long nginx leaves a server out, and that it comes back.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use Time::HiRes qw(time);

my $mortal = RustPageCache::Memcached->start(dir => scratch);
my ($one, $two) = ($mortal->address, memcached->address);
my %upstream = (
    'timeout' => "server $one fail_timeout=3s; server $two;",
    'never'   => "server $one max_fails=0; server $two;",
    'often'   => "server $one max_fails=2 fail_timeout=20s; server $two;",
    'backup'  => "server $one fail_timeout=3s; server $two backup;",
    'hash'    => "hash \$uri; server $one fail_timeout=3s; server $two;",
    'alone'   => "server $one fail_timeout=1h;",
);
my $nginx = nginx(
    errors => [$one],
    http   => join("\n", map { "upstream $_ { $upstream{$_} }" } sort keys %upstream),
    server => join "\n", <<'CONF', map { <<"CONF" } sort keys %upstream);
    add_header X-Cache $rust_page_cache_status;
    add_header X-Cache-Reason $rust_page_cache_reason;
    add_header X-Store $rust_page_cache_store;
    location @django {
        return 200 fallback;
    }
CONF
    location /$_/ {
        rust_page_cache memcached://$_ key=raw;
    }
CONF

sub asks ($target, $n) {
    return [
        map {
            my $response = $nginx->get($target);
            $response->cache eq 'MISS absent' ? $response->header('X-Store') : $response->cache;
        } 1 .. $n
    ];
}

sub disabled () { return scalar $nginx->log_lines('upstream server temporarily disabled') }

# A key that the hash gives to the first of the two.
my ($key) = grep { asks("/hash/$_", 1)->[0] eq $one } 1 .. 40;
is_deeply asks('/timeout/', 4), [($one, $two) x 2], 'before: in turn';
$mortal->stop;

# Who fails first finds the server dead; who comes later, that it is left alone.
my $begin = time;
for my $path ('/timeout/', '/never/', '/often/', '/backup/', "/hash/$key") {
    is_deeply asks($path, 4), [($two) x 4], "$path the one that lives";
}
is_deeply asks('/alone/', 1), ['ERROR down'], 'alone: left alone by the module';
my $failed = disabled();
cmp_ok $failed, '>=', 1, 'nginx has been told';

$mortal->restart;
# Who wants it has it tried.
ok wait_until(sub { asks('/alone/', 1); $nginx->log_lines('is back after') }), 'it is back';
is_deeply asks('/alone/', 2), [($one) x 2], 'alone: a lone server is never left out by nginx';
is_deeply [sort @{asks('/never/', 4)}], [sort(($one, $two) x 2)], 'max_fails=0: asked at once';
is_deeply [sort @{asks('/often/', 4)}], [sort(($one, $two) x 2)], 'one failure of two: asked at once';
SKIP: {
    skip 'the machine is too slow to see the pause', 1 if time - $begin > 2.5;
    is_deeply asks('/timeout/', 6), [($two) x 6], 'fail_timeout: left out for its time';
}
ok wait_until(sub { asks('/timeout/', 1)->[0] eq $one }), 'fail_timeout: asked when it is over';
cmp_ok time - $begin, '>=', 2, 'fail_timeout: not before';
is_deeply asks('/timeout/', 6), [($two, $one) x 3], 'fail_timeout: and then in turn again';
is_deeply asks('/backup/', 3), [($one) x 3], 'backup: no longer asked';
is_deeply asks("/hash/$key", 3), [($one) x 3], 'hash: the key is back at its server';
is disabled(), $failed, 'and nothing has failed since';

$nginx->finish;

done_testing;
