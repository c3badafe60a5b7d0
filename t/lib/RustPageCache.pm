package RustPageCache;

# What every file of the suite stands on: where the module and nginx are, a
# scratch folder and ports of its own (so that `prove -j` is safe), real stores
# that are started when first asked for, and the end of everything at the end.

use v5.32;
use warnings;
use experimental 'signatures';

use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename qw(dirname);
use File::Temp ();

use RustPageCache::App;
use RustPageCache::Client;
use RustPageCache::Fake;
use RustPageCache::Memcached;
use RustPageCache::Nginx;
use RustPageCache::Ports qw(free_port);
use RustPageCache::Process qw(wait_until);
use RustPageCache::Redis;

our @EXPORT = qw(
    app fake_memcached fake_redis fake_server fixture flush_stores free_port
    log_problems memcached memcached_unix module_path nginx nginx_binary nginx_test redis
    redis_auth scratch service wait_until
);

my $root = abs_path(dirname(__FILE__) . '/../..');

my $scratch = File::Temp->newdir(
    'rust-page-cache-XXXXXX',
    TMPDIR  => 1,
    CLEANUP => !$ENV{TEST_NGINX_NO_CLEAN},
);

# A signal must run END, or the stores would outlive the test; PIPE comes where
# nobody reads the results any more. A second one must not cut END short.
my @signals = qw(HUP INT PIPE TERM);
@SIG{@signals} = (sub { @SIG{@signals} = ('IGNORE') x @signals; exit 130 }) x @signals;

sub scratch () { return "$scratch" }

sub module_path () {
    my $path = $ENV{TEST_NGINX_MODULE}
        // "$root/target/module/ngx_http_rust_page_cache_module.so";
    -e $path or die "$path is not there: run scripts/build, or set TEST_NGINX_MODULE\n";
    return $path;
}

sub nginx_binary () { return $ENV{TEST_NGINX_BINARY} // 'nginx' }

# One JSON record per line, as t/fixtures holds them.
sub fixture ($name) {
    require JSON::PP;
    open my $in, '<:raw', "$root/t/fixtures/$name" or die "t/fixtures/$name: $!\n";
    return map { JSON::PP->new->decode($_) } <$in>;
}

# ---------------------------------------------------------------- the stores

my %service;

sub memcached () {
    return $service{memcached} //= RustPageCache::Memcached->start(dir => scratch);
}

sub memcached_unix () {
    return $service{memcached_unix}
        //= RustPageCache::Memcached->start(dir => scratch, socket => scratch . '/m.sock');
}

sub redis () {
    return $service{redis} //= RustPageCache::Redis->start(dir => scratch, name => 'redis');
}

# `requirepass`, and an ACL user who may read and nothing else. Both passwords
# hold bytes that only survive percent-encoding.
sub redis_auth () {
    return $service{redis_auth} //= RustPageCache::Redis->start(
        dir      => scratch,
        name     => 'redis-auth',
        password => 's3cr:t/p@ss',
        user     => 'page-cache',
        secret   => 'us3r%pw',
    );
}

sub app () { return $service{app} //= RustPageCache::App->start(dir => scratch) }

# What a test block may write as `$TEST_NGINX_<NAME>`; the service is started
# by naming it.
my %variable = (
    MEMCACHED        => sub { memcached->uri },
    MEMCACHED_PORT   => sub { memcached->port },
    MEMCACHED_UNIX   => sub { memcached_unix->uri },
    MEMCACHED_SOCKET => sub { memcached_unix->socket },
    REDIS            => sub { redis->uri },
    REDIS_PORT       => sub { redis->port },
    REDIS_UNIX       => sub { redis->unix_uri },
    REDIS_SOCKET     => sub { redis->socket },
    REDIS_AUTH_PORT  => sub { redis_auth->port },
    APP_PORT         => sub { app->port },
    CLOSED_PORT      => sub { free_port },
    SCRATCH          => sub { scratch },
);

sub service ($name) {
    my $value = $variable{$name} or return;
    return $value->();
}

# Empties the stores that have been started.
sub flush_stores () {
    $_->flush for grep { defined } @service{qw(memcached memcached_unix redis redis_auth)};
    return;
}

sub fake_memcached ($reply, %options) {
    return RustPageCache::Fake->memcached($reply, dir => scratch, %options);
}

sub fake_redis ($reply, %options) {
    return RustPageCache::Fake->redis($reply, dir => scratch, %options);
}

sub fake_server ($talk, %options) {
    return RustPageCache::Fake->start($talk, dir => scratch, %options);
}

# --------------------------------------------------------------------- nginx

# An nginx for tests that are a sequence of events rather than one request.
sub nginx (%options) {
    return RustPageCache::Nginx->start(
        dir    => scratch,
        module => module_path,
        binary => nginx_binary,
        %options,
    );
}

# `nginx -t` over a server block and what stands before it; (exit code, output).
sub nginx_test (%options) {
    return RustPageCache::Nginx->check(
        dir    => scratch,
        module => module_path,
        binary => nginx_binary,
        %options,
    );
}

# The lines of an error log that nobody announced: anything from `crit` up, and
# `error` lines that no pattern of the list describes.
sub log_problems ($log, @expected) {
    my @problems;
    for my $line (split /\n/, $log) {
        next unless $line =~ /\[(error|crit|alert|emerg)\]/;
        next if grep { ref $_ ? $line =~ $_ : index($line, $_) >= 0 } @expected;
        push @problems, $line;
    }
    return @problems;
}

END {
    # Stopping children sets $?, which is the exit code of the test.
    local $?;
    RustPageCache::Process->stop_all;
}

1;
