# What stock Django stored is served as Django itself served it, of every release and backend.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use HTTP::Date qw(str2time);
use MIME::Base64 qw(decode_base64);

use RustPageCache::Django qw(refused_target);
use RustPageCache::Site qw(comparable_fields parameters);

my @records = map { fixture(s{.*/}{}r) } sort glob "$FindBin::Bin/fixtures/django-core.*.jsonl";
my %version = map { $_->{django} => 1 } @records;
my $site    = RustPageCache::Site->start(versions => [sort keys %version]);

# The header entry and the page of one request are two records.
my %header = map { $_->{group} => $_ } grep { $_->{scheme} eq 'django-core-header' } @records;

# Headers that middleware outside of the cache adds to each answer: the
# configuration's part.
my %outer = map { $_ => 1 } qw(
    x-frame-options x-content-type-options referrer-policy cross-origin-opener-policy content-language vary
);

my %seen;
for my $page (grep { $_->{scheme} eq 'django-core-page' } @records) {
    my $header = $header{$page->{group}};
    next if !$header || !$page->{expect}{formula_ok} || !$header->{expect}{formula_ok};
    check($page, $header);
}
cmp_ok $seen{HIT} // 0, '>', 90, 'enough of the records are pages to be served';
cmp_ok $seen{$_} // 0, '>', 0, "some record is a case of: $_" for 'MISS set-cookie', 'ERROR undecodable';

$site->nginx_process->finish;

sub check ($page, $header) {
    my $kind    = $page->{backend}{kind};
    my $version = $page->{django};
    flush_stores();
    $site->put($kind, $header->{expect});
    my $key       = $site->put($kind, $page->{expect});
    my %parameter = parameters($page, $key);
    my $response  = $site->ask($version, $kind, $page->{request}, %parameter);
    my $name      = $page->{id};
    my $outcome   = outcome($page);
    $seen{$outcome}++;

    my $outcome_ok = qr/^\Q$outcome\E$/;
    like $response->cache, $outcome_ok, "$name: $outcome" or return;
    if ($response->cache ne 'HIT') {
        is $response->body, 'fallback', "$name: the fallback answers" if $page->{request}{method} eq 'GET';
        return;
    }
    my $django = $page->{django_second};
    my $stored = $page->{expect}{response};
    my %stored = map { lc $_->[0] => $_->[1] } @{$stored ? $stored->{headers} : $django->{headers}};
    is $response->header('X-Cache-Key'), $key, "$name: the key that answered";
    is $response->status, $django->{status}, "$name: status";
    is $response->{reason}, $django->{reason}, "$name: reason";
    my @expected = grep { defined $stored{lc $_->[0]} || !$outer{lc $_->[0]} } @{$django->{headers}};
    # What the middleware outside adds to a Vary of the page.
    @expected = map { lc $_->[0] eq 'vary' ? ['Vary', $stored{vary}] : $_ } @expected;
    is_deeply [comparable_fields(@{$response->{headers}})], [comparable_fields(@expected)], "$name: headers";
    my $body = decode_base64($stored->{body_b64} // $django->{body_b64});
    is $response->header('Content-Length'), length $body, "$name: length"
        if $response->status !~ /^(?:204|304)$/;
    is $response->body, $page->{request}{method} eq 'HEAD' ? '' : $body, "$name: body";
    check_age($response, \%stored, $name);
    return;
}

# Age = max(0, max-age - (Expires - now)) where both are stored.
sub check_age ($response, $field, $name) {
    my ($max_age) = ($field->{'cache-control'} // '') =~ /(?:^|,)\s*max-age=(\d+)\s*(?:,|$)/;
    my $expires = str2time($field->{expires} // '');
    return is $response->header('Age'), $field->{age}, "$name: no Age of ours"
        if !defined $max_age || !defined $expires;
    my $expected = $max_age - ($expires - time);
    $expected = 0 if $expected < 0;
    my $age = $response->header('Age') // -1;
    ok abs($age - $expected) <= 2, "$name: Age" or diag "$age, not about $expected";
    return;
}

sub outcome ($page) {
    my $request = $page->{request};
    my $target  = RustPageCache::Site::bytes($request->{target});
    my $expect  = $page->{expect};
    return 'BYPASS target' if refused_target($target);
    return 'BYPASS host' if !grep { lc $_->[0] eq 'host' } @{$request->{headers}};
    my $list = $page->{header_list} // [];
    return 'MISS vary' if grep { $_ eq 'HTTP_*' } @$list;
    for my $name (@$list) {
        my $field = lc($name =~ s/^HTTP_//r =~ s/_/-/gr);
        return 'MISS vary' if 1 < grep { lc $_->[0] eq $field } @{$request->{headers}};
    }
    # Empty names, and those with blanks, are Django's.
    return 'ERROR undecodable' if grep { !/^HTTP_[A-Z0-9_!#\$%&'+.^`|~ -]*$/ } @$list;
    # The records' own reader refuses more: here attributes of any class are read past. Not so a
    # class of the site's own without a status, what has to be closed, and other serializers.
    return 'ERROR undecodable'
        if ($expect->{safe_decoder_refuses} // '') =~ /^(?:global (?:seedsite|builtins\.getattr)|no PROTO)/;
    return 'MISS set-cookie' if @{($expect->{response} // {})->{cookies} // []};
    return 'HIT';
}

done_testing;
